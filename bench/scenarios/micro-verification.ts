/**
 * Judges the rows after a run of `micro`. Every write sets a value of its own, and the sequence numbers in the answers
 * order the acknowledged writes of a row; so the row must hold the value of its last acknowledged write, or that of a
 * write whose outcome nobody learned, and hold it on every member.
 */
import { disagreementOf, type MemberPosition } from '../agreement.ts';
import type { Verification } from '../scenario.ts';

export interface AcknowledgedWrites {
  /** Per row: of its last acknowledged write; 0 if there is none. */
  readonly sequenceNumbers: Float64Array;
  /** Per row: the value that this write set. */
  readonly values: Float64Array;
  readonly unknown: readonly { readonly row: number; readonly value: number }[];
}

export interface MemberRows extends MemberPosition {
  /** Per row: its value; NaN if the row is missing. */
  readonly values: Float64Array;
}

/** What a row holds before the first write. */
export const initialValue = 0;

const problemsPerMemberMax = 3;

/** Of all load generators together. `writes`: at least one's. */
export function lastWrites(writes: readonly AcknowledgedWrites[]): AcknowledgedWrites {
  const rows = writes[0]!.values.length;
  const sequenceNumbers = new Float64Array(rows);
  const values = new Float64Array(rows);
  for (const one of writes) {
    for (let row = 0; row < rows; row++) {
      if (one.sequenceNumbers[row]! <= sequenceNumbers[row]!) continue;
      sequenceNumbers[row] = one.sequenceNumbers[row]!;
      values[row] = one.values[row]!;
    }
  }
  return { sequenceNumbers, values, unknown: writes.flatMap(({ unknown }) => unknown) };
}

export function judgeRows(writes: AcknowledgedWrites, members: readonly MemberRows[]): Verification {
  const problems: string[] = [];
  const disagreement = disagreementOf(members);
  if (disagreement !== null) problems.push(disagreement);
  const unknown = new Map<number, number[]>();
  for (const { row, value } of writes.unknown) unknown.set(row, [...(unknown.get(row) ?? []), value]);
  const first = members[0];
  for (const member of members) {
    let wrong = 0;
    for (let row = 0; row < writes.values.length; row++) {
      const problem = judgeRow(writes, unknown, row, member.values[row]!, first!.values[row]!);
      if (problem !== null && ++wrong <= problemsPerMemberMax)
        problems.push(`${member.memberId}: row ${row} ${problem}`);
    }
    if (wrong > problemsPerMemberMax) problems.push(`${member.memberId}: ${wrong} rows are wrong in all`);
  }
  return { verified: problems.length === 0, problems };
}

function judgeRow(
  writes: AcknowledgedWrites,
  unknown: ReadonlyMap<number, readonly number[]>,
  row: number,
  value: number,
  valueOnFirst: number,
): string | null {
  if (Number.isNaN(value)) return 'is missing';
  const sequenceNumber = writes.sequenceNumbers[row]!;
  const expected = sequenceNumber === 0 ? initialValue : writes.values[row]!;
  if (value !== expected && !unknown.get(row)?.includes(value)) {
    return sequenceNumber === 0
      ? `holds ${value} although no write of it was acknowledged`
      : `holds ${value} instead of ${expected}, its last acknowledged write (sequence number ${sequenceNumber})`;
  }
  return value === valueOnFirst ? null : `holds ${value}, the first member ${valueOnFirst}`;
}
