/** In increments: what commutes, and what it comes to. */
import type { SoughtBug } from '../planted-bug.ts';

export const INCREMENT_BUGS: readonly SoughtBug[] = [
  {
    name: 'increment-erased-by-an-older-put',
    breaks: 'H8',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/item-kinds.ts',
        find: "return kind !== 'reference' || !isShared(written);",
        replace: 'return !isShared(written);',
      },
    ],
  },
  {
    name: 'increment-outlives-its-row',
    breaks: 'H8',
    scenario: 'member',
    changes: [
      {
        file: 'certifier/item-kinds.ts',
        find: "if (isShared(kind) ? !isShared(last) : last === 'delete' && kind !== 'delete') {",
        replace: 'if (isShared(kind) && !isShared(last)) {',
      },
    ],
  },
  {
    name: 'increment-of-a-row-that-was-read-commutes',
    breaks: 'H8',
    scenario: 'member',
    isRare: true,
    changes: [
      {
        file: 'node/engine/transaction.ts',
        find: 'if (this.#hasIncrements) this.#makePlain(key, row);',
        replace: '',
      },
    ],
  },
  {
    name: 'bounds-judged-at-the-snapshot',
    breaks: 'H9',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/transaction.ts',
        find: 'return this.#buffer([{ key, image: null, increments }]);',
        replace: `const judged = table.incremented(image, increments, { codec: this.imageCodec, isBounded: true });
      if ('problem' in judged) throw refusedAt(this, key, judged);
      return this.#buffer([{ key, image: null, increments }]);`,
      },
      {
        file: 'node/engine/member/resolved-increments.ts',
        find: 'isBounded: true',
        replace: 'isBounded: false',
      },
    ],
  },
  {
    name: 'increment-added-again-at-a-restart',
    breaks: 'H9',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/member/replay.ts',
        find: "import { writesOf } from './resolved-increments.ts';",
        replace: `import { imageCodec } from '../../../sim/workload/image-codec.ts';
import { writesOf } from './resolved-increments.ts';`,
      },
      {
        file: 'node/engine/member/replay.ts',
        find: 'const writes = writesOf(message.transaction, verdict.resolved);',
        replace: `const { writeSet } = message.transaction;
      const writes = writesOf(message.transaction, verdict.resolved).map((write) => {
        const delta = writeSet.find((item) => item.kind === 'delta' && item.key === write.key);
        if (delta === undefined) return write;
        const row: any = imageCodec.decode(write.image!);
        const [, column, by]: any = imageCodec.decode(delta.image!);
        if (column === 'n') row[2] += by;
        return { ...write, image: imageCodec.encode(row) };
      });`,
      },
    ],
  },
  {
    name: 'increment-blind-to-its-own-batch',
    breaks: 'H9',
    scenario: 'member',
    isRare: true,
    changes: [
      {
        file: 'node/engine/member/replicated-state.ts',
        find: 'if (image !== undefined) return image ?? undefined;',
        replace: '',
      },
    ],
  },
];
