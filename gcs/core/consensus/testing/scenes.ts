/** Beginnings and short cuts that many tests share. */
import type { MemberOrdinal } from '../../../base/index.ts';
import type { ConsensusOptions } from '../consensus.ts';
import type { PeerMessage } from '../peer-message.ts';
import { type Packet, TestCluster } from './cluster.ts';
import { textOf } from './describe.ts';

/** Member 0 leads, and everybody knows. */
export function led(members: number, options: Partial<ConsensusOptions> = {}): TestCluster {
  const cluster = new TestCluster({ members, options });
  cluster.elect(0);
  cluster.settle();
  cluster.elapse(75, ...cluster.members.map(({ ordinal }) => ordinal));
  cluster.settle();
  return cluster;
}

/** Broadcasts only. */
export function texts(cluster: TestCluster, ordinal: MemberOrdinal): string[] {
  return cluster
    .member(ordinal)
    .delivered.filter(({ kind }) => kind !== 'view')
    .map(textOf);
}

export function everyone(cluster: TestCluster, ms: number): void {
  for (let passed = 0; passed < ms; passed += 25) {
    cluster.elapse(25, ...cluster.running.map(({ ordinal }) => ordinal));
    cluster.settle();
  }
}

export function sent(packets: readonly Packet[], kind: PeerMessage['kind']): Packet[] {
  return packets.filter((packet) => packet.message.kind === kind);
}
