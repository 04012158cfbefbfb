/** In the serial safety net, and in how it begins and ends. */
import type { SoughtBug } from '../planted-bug.ts';

export const SERIAL_BUGS: readonly SoughtBug[] = [
  {
    name: 'serial-place-not-passed-on',
    breaks: 'serial order',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/serial-safety-net.ts',
        find: 'this.#stamps.record({ sequenceNumber, origin, serialPlace, written, read, ranges });',
        replace: 'this.#stamps.record({ sequenceNumber, origin, serialPlace: sequenceNumber, written, read, ranges });',
      },
    ],
  },
  {
    name: 'readers-leave-no-stamps',
    breaks: 'serial order',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/serial-safety-net.ts',
        find: "(kind === 'check' ? read : written).push(key);",
        replace: "if (kind !== 'check') written.push(key);",
      },
    ],
  },
  {
    name: 'reader-stamps-forgotten-at-rebuild',
    breaks: 'H3',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/certifier.ts',
        find: 'this.#safetyNet?.record(transaction, writer, serialPlace);',
        replace:
          "this.#safetyNet?.record({ ...transaction, ranges: [], writeSet: transaction.writeSet.filter(({ kind }) => kind !== 'check') }, writer, serialPlace);",
      },
    ],
  },
  {
    name: 'serial-places-forgotten-at-rebuild',
    breaks: 'H3',
    scenario: 'member',
    isRare: true,
    changes: [
      {
        file: 'node/engine/member/replay.ts',
        find: 'certifier.restorePositive(message.transaction, writer, verdict.serialPlace);',
        replace: 'certifier.restorePositive(message.transaction, writer);',
      },
    ],
  },
  {
    name: 'rule-effective-before-its-place',
    breaks: 'H4',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/member.ts',
        find: "    const encoded = encodeGroupMessage({\n      kind: 'schema-change',",
        replace:
          "    if (change.kind === 'set-variable') this.#running.certifier.restoreRule(change.value as 'read-validation');\n    const encoded = encodeGroupMessage({\n      kind: 'schema-change',",
      },
    ],
  },
  {
    name: 'report-not-ordered',
    breaks: 'serial order',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/ordered-reads.ts',
        find: 'return snapshot >= this.#from || snapshot < this.#upTo;',
        replace: 'return false;',
      },
    ],
  },
];
