/** In what is made of the membership. */
import type { SoughtBug } from '../planted-bug.ts';

export const MEMBERSHIP_BUGS: readonly SoughtBug[] = [];
