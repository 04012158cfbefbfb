import { test } from 'node:test';
import { SeededRandom } from '../../../gcs/base/index.ts';
import { SimulatedWorld } from '../../../sim/world/index.ts';
import { SimulatedMemberClient, startGroup, until } from '../testing/simulated-group.ts';

for (const count of [1, 2, 3]) for (const at of [8, -6]) test(`damaged ${count} ${at}`, () => {
  const world = new SimulatedWorld(50 + count);
  const members = startGroup(world);
  until(world, () => members.every(({ member }) => member?.state === 'ONLINE'));
  const client = new SimulatedMemberClient(world, members[0]!);
  client.do('createTable', { table: 'shop.stock', primaryKey: ['id'] });
  for (let id = 0; id < 20; id++) client.do('put', { table: 'shop.stock', row: { id } });
  world.runFor(300_000);
  for (const m of members) m.host.crash('power-lost');
  for (const m of members.slice(0, count)) {
    const places = m.host.disk.durablePlaces((name) => name.startsWith('log-'));
    m.host.disk.damage({ ...places.at(at)!, length: 512 }, 'zeroed sector', new SeededRandom(1));
  }
  for (const m of members) m.restart();
  world.runFor(60_000_000);
  console.log(count, at, members.map((m) => [m.member.state, ...m.events.slice(-2)].join(' | ')));
});
