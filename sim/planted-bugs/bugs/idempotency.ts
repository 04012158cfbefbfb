/** In idempotency keys. */
import type { SoughtBug } from '../planted-bug.ts';

export const IDEMPOTENCY_BUGS: readonly SoughtBug[] = [
  {
    name: 'key-looked-up-ahead-only',
    breaks: 'H16',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/replicated-state.ts',
        find: 'if (this.#isDecidedByKey(attribute, passage)) continue;',
        replace: '',
      },
    ],
  },
  {
    name: 'refused-transaction-binds-its-key',
    breaks: 'H16',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/replicated-state.ts',
        find: 'if (negative === null) {\n          const { sequenceNumber } = certifier;',
        replace: `if (negative !== null && attribute !== null) {
          // Nothing of it is published: it is bound for as long as this member runs.
          const known = this.keys.judge.bind(this.keys);
          this.keys.judge = (question, ...more) =>
            question.key === attribute.key ? { kind: 'key-fenced' } : known(question, ...more);
        }
        if (negative === null) {
          const { sequenceNumber } = certifier;`,
      },
    ],
  },
  {
    name: 'repeated-request-takes-a-number',
    breaks: 'H16',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/certifier.ts',
        find: 'this.#digest.add(keyRefusalMark);',
        replace: 'this.#accept(0, keyRefusalMark);',
      },
    ],
  },
  {
    name: 'keys-lost-at-a-restart',
    breaks: 'H16',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/replay.ts',
        find: 'publish(sequenceNumber, beside.length === 0 ? writes : [...writes, ...beside], []);',
        replace: 'publish(sequenceNumber, writes, []);',
      },
    ],
  },
  {
    name: 'keys-lost-in-a-state-transfer',
    breaks: 'H16',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/state-transfer/open-state.ts',
        find: 'writeRow(content, key, row);',
        replace: `if (key.startsWith('\\x00\\x00\\x00\\x00\\x59')) continue;
        writeRow(content, key, row);`,
      },
    ],
  },
  {
    name: 'forgotten-key-is-new-again',
    breaks: 'H16',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/idempotency/judge-key.ts',
        find: `return isOutside ? { kind: 'key-expired' } : null;`,
        replace: 'return null;',
      },
    ],
  },
  {
    name: 'fence-that-holds-nothing-back',
    breaks: 'H16',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/idempotency/judge-key.ts',
        find: `if (record.kind === 'fenced') return { kind: 'key-fenced' };`,
        replace: `if (record.kind === 'fenced') return null;`,
      },
    ],
  },
];
