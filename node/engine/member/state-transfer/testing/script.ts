/** A log that a group could have: views, noops, large and compressed messages, schema changes, conflicts, purge floors. */
import {
  encodeBatch,
  encodeGroupMessage,
  type GroupMessage,
  type WriteSetItem,
} from '../../../../../certifier/index.ts';
import { SeededRandom } from '../../../../../gcs/base/index.ts';
import {
  encodeView,
  foundingView,
  type GroupView,
  type LogEntry,
  runLengthCompression,
} from '../../../../../gcs/core/index.ts';
import { encodeFragment } from '../../../../../gcs/core/messages/fragment.ts';
import { withLearner, withVoter } from '../../../../../gcs/core/views.ts';
import { encodeSchemaChange } from '../../../catalog.ts';
import { testImageCodec } from '../../../testing/image-codec.ts';

export const MESSAGE_BYTES_MAX = 100_000;

export const FOUNDING_VIEW: GroupView = foundingView(
  1_700_000_000_000,
  [0, 1, 2].map((n) => ({ memberId: `member-${n}`, groupAddress: `m${n}:1`, host: `m${n}`, port: 1 })),
);

/**
 * Entries 1 to `count` (or a few more: no message is left open), always the same for one seed. `taken`: takes the next
 * one through; returns the sequence number behind it.
 */
export function scriptOf(seed: number, count: number, taken: (entry: LogEntry) => number): readonly LogEntry[] {
  const random = new SeededRandom(seed);
  const entries: LogEntry[] = [];
  const numbers = [0, 0, 0];
  let view = FOUNDING_VIEW;
  let sequenceNumber = 0;
  let term = 1;
  const stampMs = () => 1_700_000_000_000 + entries.length;
  const add = (kind: LogEntry['kind'], origin: number, payload: Uint8Array, mayCompress = true): void => {
    const isMessage = kind === 'message' || kind === 'fragment';
    const compressed =
      isMessage && mayCompress && random.below(2) === 0 ? runLengthCompression.compress(payload) : null;
    const entry: LogEntry = {
      index: entries.length + 1,
      term,
      kind,
      origin,
      incarnation: 1,
      messageNumber: isMessage ? ++numbers[origin]! : 0,
      stampMs: stampMs(),
      isCompressed: compressed !== null && kind === 'message',
      payload: compressed !== null && kind === 'message' ? compressed : payload,
    };
    entries.push(entry);
    sequenceNumber = taken(entry);
  };
  const batch = (): Uint8Array => {
    const messages: GroupMessage[] = [];
    for (let i = 1 + random.below(3); i > 0; i--) {
      const choice = random.below(20);
      if (choice === 0)
        messages.push({ kind: 'purge-floor', sequenceNumber: Math.max(0, sequenceNumber - random.below(25)) });
      else if (choice === 1) messages.push(schemaChange(random));
      else messages.push(transaction(random, Math.max(0, sequenceNumber - random.below(8))));
    }
    return encodeBatch(messages.map(encodeGroupMessage));
  };
  let open: { origin: number; parts: Uint8Array[]; length: number; isFirst: boolean } | null = null;
  while (entries.length < count || open !== null) {
    const choice = random.below(30);
    if (choice === 0) {
      term++;
      add('noop', random.below(3), new Uint8Array(0));
    } else if (choice === 1) {
      const learner = view.members.find((member) => !member.isVoter);
      const name = `member-${view.nextOrdinal}`;
      const joiner = { memberId: name, groupAddress: `${name}:1`, host: name, port: 1 };
      view = learner === undefined ? withLearner(view, joiner) : withVoter(view, learner.ordinal);
      add('view', 0, encodeView(view));
    } else if (open !== null && random.below(2) === 0) {
      const part = open.parts.shift()!;
      const isLast = open.parts.length === 0;
      add(
        'fragment',
        open.origin,
        encodeFragment({ isLast, messageBytes: open.isFirst ? open.length : null, part }),
        false,
      );
      open.isFirst = false;
      if (isLast) open = null;
    } else if (open === null && choice < 5 && entries.length < count) {
      const whole = batch();
      const size = Math.ceil(whole.length / (2 + random.below(4)));
      const parts: Uint8Array[] = [];
      for (let at = 0; at < whole.length; at += size) parts.push(whole.subarray(at, at + size));
      open = { origin: random.below(3), parts, length: whole.length, isFirst: true };
    } else {
      const origins = [0, 1, 2].filter((each) => each !== open?.origin);
      add('message', origins[random.below(origins.length)]!, batch());
    }
  }
  return entries;
}

function transaction(random: SeededRandom, snapshotVersion: number): GroupMessage {
  const keys = new Set(Array.from({ length: 1 + random.below(5) }, () => random.below(40)));
  const writeSet = [...keys].map((number): WriteSetItem => {
    const key = `\0\0\0\x01${String.fromCharCode(1 + number)}`;
    return random.below(5) === 0
      ? { key, kind: 'delete', image: null }
      : { key, kind: 'put', image: new Uint8Array(random.below(60)).fill(random.below(256)) };
  });
  return { kind: 'transaction', transaction: { snapshotVersion, writeSet } };
}

function schemaChange(random: SeededRandom): GroupMessage {
  const name = `s.t${random.below(3)}`;
  const kinds = [
    {
      kind: 'create-table',
      table: { name, primaryKey: ['id'], columns: null, indexes: [], foreignKeys: [] },
      ifNotExists: true,
    },
    { kind: 'drop-table', name, ifExists: true },
    { kind: 'truncate-table', name, ifExists: true },
  ] as const;
  const change = encodeSchemaChange(kinds[random.below(kinds.length)]!, testImageCodec);
  return { kind: 'schema-change', change };
}
