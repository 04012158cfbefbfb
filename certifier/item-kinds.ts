/**
 * The kinds of items in a write set: what each conflicts with, and what it leaves behind for those who come after it
 * (hazards H8, H10). Of a key three writers are known: the last of all, the last *exclusive* one, and the last that
 * deleted it. An item that is judged against a snapshot conflicts if one of these is newer:
 *
 *     kind        means                                                      conflicts with    leaves
 *     put         the row has this image afterwards                          any               exclusive
 *     delete      there is no row afterwards                                 any               exclusive, delete
 *     check       not written, but what was observed there must still hold   any               nothing
 *     delta       the row as it is then, with this change                    delete            shared
 *     reference   another row refers to this key                             exclusive         shared
 *     mark        no row: a key that others refer to begins or ends          any               exclusive
 *
 * So deltas commute with each other and with what replaces the row, references with each other, and a put of an older
 * snapshot erases no delta. Whoever restores a database knows of the last exclusive one and the last delete only where
 * these are above the purge floor; nobody asks for older ones.
 */
import type { MemberOrdinal, SequenceNumber } from '../gcs/base/index.ts';
import type { Writer } from './types.ts';

export type ItemKind = WriteKind | 'check';

/** Kinds that leave something behind. */
export type WriteKind = 'put' | 'delete' | 'delta' | 'reference' | 'mark';

/** Whether such an item is of a row and changes it; the others are judged and leave no row. */
export function isOfRow(kind: ItemKind): boolean {
  return kind === 'put' || kind === 'delete' || kind === 'delta';
}

/** Whether some of them have to be resolved. */
export function hasDelta(items: readonly { readonly kind: ItemKind }[]): boolean {
  for (const { kind } of items) if (kind === 'delta') return true;
  return false;
}

/** The writers of one key, as far as somebody may ask for them. */
export interface KeyWriters {
  /** The last of all, and what it did. */
  sequenceNumber: SequenceNumber;
  origin: MemberOrdinal;
  kind: WriteKind;
  /** Null while nobody but the last has to be known. */
  before: WritersBefore | null;
}

interface WritersBefore {
  /** The last exclusive one; of worth only where the last of all is shared. */
  exclusive: Writer | undefined;
  /** The last that deleted; of worth only where the last of all did not. */
  deleted: Writer | undefined;
}

/** A key that nobody has written before. */
export function firstWriter({ sequenceNumber, origin }: Writer, kind: WriteKind): KeyWriters {
  return { sequenceNumber, origin, kind, before: null };
}

/** Makes `writer` the last one. A row that is put over and over takes no memory for it. */
export function addWriter(writers: KeyWriters, { sequenceNumber, origin }: Writer, kind: WriteKind): void {
  const last = writers.kind;
  if (isShared(kind) ? !isShared(last) : last === 'delete' && kind !== 'delete') {
    const exclusive = { sequenceNumber: writers.sequenceNumber, origin: writers.origin };
    const deleted = last === 'delete' ? exclusive : writers.before?.deleted;
    writers.before = { exclusive, deleted };
  }
  writers.sequenceNumber = sequenceNumber;
  writers.origin = origin;
  writers.kind = kind;
}

/** The last writer that an item of `kind` conflicts with, if that is newer than its snapshot. */
export function opponentIn(writers: KeyWriters, kind: ItemKind): Writer | undefined {
  if (isOpponent(writers.kind, kind)) return { sequenceNumber: writers.sequenceNumber, origin: writers.origin };
  return kind === 'delta' ? writers.before?.deleted : writers.before?.exclusive;
}

/** Whether an item of `kind` conflicts with one that is `written` after its snapshot. */
export function isOpponent(written: WriteKind, kind: ItemKind): boolean {
  if (kind === 'delta') return written === 'delete';
  return kind !== 'reference' || !isShared(written);
}

function isShared(kind: WriteKind): boolean {
  return kind === 'delta' || kind === 'reference';
}
