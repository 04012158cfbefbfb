/** In large messages, and in what is kept of the log for them. */
import type { SoughtBug } from '../planted-bug.ts';

export const MESSAGE_BUGS: readonly SoughtBug[] = [
  {
    name: 'parts-of-an-earlier-run-kept',
    breaks: 'H15',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/messages/assembler.ts',
        find: '    if (partial === undefined || entry.incarnation === partial.incarnation) return;',
        replace: '    if (partial !== undefined || partial === undefined) return;',
      },
    ],
  },
  {
    name: 'restart-forgets-parts',
    breaks: 'C24',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/messages/read-messages.ts',
        find: 'const from = log.partialFrom(upTo);',
        replace: 'const from = upTo + 1;',
      },
    ],
  },
  {
    name: 'second-large-from-the-wrong-place',
    breaks: 'large messages',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/messages/fragmenter.ts',
        find: `      this.#largeTaken = 0;
`,
        replace: '',
      },
    ],
  },
  {
    name: 'truncated-within-a-message',
    breaks: 'H3',
    scenario: 'group',
    changes: [
      {
        file: 'gcs/core/group/retention.ts',
        find: 'if (upTo >= log.firstIndex) upTo = Math.min(upTo, log.partialFrom(upTo) - 1);',
        replace: '',
      },
    ],
  },
];
