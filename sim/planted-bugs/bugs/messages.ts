/** In large messages, and in what is kept of the log for them. */
import type { SoughtBug } from '../planted-bug.ts';

export const MESSAGE_BUGS: readonly SoughtBug[] = [];
