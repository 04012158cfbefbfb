/** In what those are told who follow the changes. */
import type { SoughtBug } from '../planted-bug.ts';

export const STREAM_BUGS: readonly SoughtBug[] = [
  {
    name: 'change-told-from-the-wrong-past',
    breaks: 'streams',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/sessions/subscriptions/change-rows.ts',
        find: 'return remembered === undefined ? (this.#replica.get(key, sequenceNumber - 1) ?? null) : remembered;',
        replace: 'return this.#replica.get(key, Math.max(this.#replica.heldFrom, sequenceNumber - 2)) ?? null;',
      },
    ],
  },
  {
    name: 'slow-stream-goes-on',
    breaks: 'streams',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/sessions/subscriptions/change-subscription.ts',
        find: "if (this.#position < replica.heldFrom) return { mustEnd: 'tooSlow' };",
        replace: 'if (this.#position < replica.heldFrom) this.#position = replica.heldFrom;',
      },
    ],
  },
  {
    name: 'remembered-beyond-a-gap',
    breaks: 'streams',
    scenario: 'member',
    changes: [
      {
        file: 'node/engine/sessions/subscriptions/change-rows.ts',
        find: 'if (isFull || sequenceNumber !== this.#rememberedUpTo + 1) {',
        replace: 'if (isFull) {',
      },
    ],
  },
];
