/**
 * Named points of the program at which a process can be killed. They are seen from outside, as calls to the environment
 * and to whoever listens: the code has no hooks.
 */
import { decodePeerMessage } from '../../gcs/core/consensus/peer-message.ts';
import { decodeFrame } from '../../gcs/core/group/handshake.ts';
import type { SimulatedHost } from '../world/index.ts';
import type { Failpoint, Occasions } from './occasions.ts';

const POINTS = [
  'create of the log',
  'write of the log',
  'remove of the log',
  'create of verdicts',
  'write of verdicts',
  'remove of verdicts',
  'replace of the definition',
  'replace of the transfer marker',
  'remove of the transfer marker',
  'replace of another file',
  'send of append',
  'send of append-answer',
  'send of vote-request',
  'send of vote-answer',
  'send of propose',
  'send of timeout-now',
  'send of behind',
  'send of read-request',
  'send of hello',
  'send of ask-state',
  'send of chunk',
  'send of acknowledge',
  'apply',
  'answer',
  'lane flush',
] as const;

export const FAILPOINTS: readonly Failpoint[] = POINTS.flatMap((point): Failpoint[] => [
  `before ${point}`,
  `after ${point}`,
]);

/** Tells the occasions of what the disk and the network of a member are asked for. */
export function watchDisk(host: SimulatedHost, occasions: Occasions): void {
  host.disk.passed = (when, operation, file) => {
    if (occasions.isWatched(host)) occasions.happened(host, `${when} ${operation} of ${described(file)}`);
  };
}

export function framePassed(
  when: 'before' | 'after',
  from: SimulatedHost,
  bytes: Uint8Array,
  occasions: Occasions,
): void {
  const place = `${when} send of `;
  if (occasions.isWatchedFor(from, place)) occasions.happened(from, `${place}${kindOf(bytes)}` as Failpoint);
}

function described(file: string): string {
  if (file.startsWith('log-')) return 'the log';
  if (file.startsWith('verdict')) return 'verdicts';
  if (file === 'group.json') return 'the definition';
  if (file === 'transfer.json') return 'the transfer marker';
  return 'another file';
}

function kindOf(bytes: Uint8Array): string {
  const frame = decodeFrame(bytes);
  return frame.kind === 'peer' ? decodePeerMessage(frame.bytes).kind : frame.kind;
}
