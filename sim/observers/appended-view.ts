import type { Group, GroupView } from '../../gcs/core/index.ts';

/** The view that a member's elections go by: the newest in its log, chosen or not. Null: it belongs to no group. */
export function appendedView({ log, definition }: Group): GroupView | null {
  return log.viewAt(log.lastIndex) ?? definition?.view ?? null;
}
