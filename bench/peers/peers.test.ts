/** Real servers, where they are installed: a second of load each, to see that all of it fits together. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compare } from './compare.ts';
import { concertOptions } from './index.ts';
import type { PeerPlan } from './peer.ts';
import { peers } from './peers-options.ts';

const size = { rows: 1_000, skew: 0, connections: 8, warmupSeconds: 1, seconds: 1 };
const ofKind = peers.filter(({ name }) => name !== 'galera-relaxed');

for (const peer of ofKind) {
  const missing = peer.missing();
  const skip = missing === null ? false : missing;
  for (const scenario of peer.scenarios) {
    test(`${peer.name} and Concert are loaded with ${scenario} in turn, and all their rows verified`, {
      skip,
    }, async () => {
      const plan: PeerPlan = { ...size, scenario };
      const { systems } = await compare(
        { peers: [peer], rounds: 1, plan, concert: concertOptions(plan), directory: null },
        () => {},
        AbortSignal.timeout(180_000),
      );
      for (const { name, runs } of systems) {
        assert.deepEqual(runs[0]!.problems, [], name);
        assert(runs[0]!.committed > 0, `${name} committed`);
      }
    });
  }
}
