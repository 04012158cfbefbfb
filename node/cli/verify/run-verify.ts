/** `concert verify`, from its options to its exit code. */
import { ConcertError } from '../../../client/index.ts';
import { CliError } from '../cli-error.ts';
import type { CommandRun } from '../command.ts';
import { counted, grouped } from '../counts.ts';
import { ProgressDisplay } from '../import/progress-display.ts';
import { textTable } from '../text-table.ts';
import { valueJson } from '../value-json.ts';
import { DIFFERENCES_DEFAULT, type VerifyOptions } from './command.ts';
import { findMembers, NotComparable, type VerifiedMember } from './verified-member.ts';
import { Verification, type VerifyReport } from './verify.ts';

const DIFFERENT = 1;
const NOT_COMPARABLE = 2;

/** @throws CliError */
export async function runVerify({ url, table, limit, json }: VerifyOptions, { output }: CommandRun): Promise<number> {
  try {
    const found = await findMembers(url);
    try {
      const { members } = found;
      const report = await watched(members, { table: table ?? null, differencesMax: limit ?? DIFFERENCES_DEFAULT });
      output.write(json ? `${valueJson(shownReport(report, members), 2)}\n` : shownText(report, members));
      return report.isEqual ? 0 : DIFFERENT;
    } finally {
      await found.close();
    }
  } catch (error) {
    const isKnown = error instanceof NotComparable || error instanceof ConcertError || error instanceof CliError;
    if (!isKnown) throw error;
    const code = error instanceof ConcertError ? `${error.code}: ` : '';
    process.stderr.write(`concert: not compared: ${code}${error.message.replaceAll('\n', ' ')}\n`);
    return NOT_COMPARABLE;
  }
}

async function watched(
  members: readonly VerifiedMember[],
  { table, differencesMax }: { readonly table: string | null; readonly differencesMax: number },
): Promise<VerifyReport> {
  const clock = {
    nowMs: () => performance.now(),
    wait: (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms)),
  };
  const verification = new Verification({ members, table, differencesMax, clock });
  const display = new ProgressDisplay(process.stderr, () => ({ rows: verification.rows, fraction: null }));
  display.start();
  try {
    return await verification.run();
  } finally {
    display.stop();
  }
}

function shownReport(report: VerifyReport, members: readonly VerifiedMember[]): object {
  const { isEqual, sequenceNumbers, digests, tables, tableDifferences, rowDifferences } = report;
  const byMember = (values: readonly unknown[]) =>
    Object.fromEntries(members.map(({ memberId }, place) => [memberId, values[place]]));
  return {
    equal: isEqual,
    members: members.map(({ memberId, url }) => ({ memberId, url })),
    sequenceNumbers,
    digests,
    tables,
    tableDifferences: tableDifferences.map(({ table, definitions }) => ({ table, definitions: byMember(definitions) })),
    rowDifferences: rowDifferences.map(({ table, key, rows }) => ({ table, key, rows: byMember(rows) })),
  };
}

function shownText(report: VerifyReport, members: readonly VerifiedMember[]): string {
  const { isEqual, sequenceNumbers, digests, tables, tableDifferences, rowDifferences } = report;
  const parts: string[] = [];
  if (tables.length > 0) {
    const rows = tables.map(({ table, rows, differences }) => [table, rows, differences]);
    parts.push(textTable(['table', 'rows', 'differences'], rows));
  }
  const atEach = (values: readonly unknown[], absent: string) =>
    textTable(
      ['  member', 'url', 'holds'],
      members.map(({ memberId, url }, place) => [
        `  ${memberId}`,
        url,
        values[place] ? valueJson(values[place]) : absent,
      ]),
    );
  for (const { table, definitions } of tableDifferences) {
    parts.push(`table ${table} is not the same:\n${atEach(definitions, 'no such table')}`);
  }
  for (const { table, key, rows } of rowDifferences) {
    parts.push(`row ${valueJson(key)} of ${table} is not the same:\n${atEach(rows, 'no such row')}`);
  }
  const differences = tables.reduce((sum, one) => sum + one.differences, 0);
  if (differences > rowDifferences.length) {
    parts.push(
      `rows that are not the same and not shown (see --limit): ${grouped(differences - rowDifferences.length)}\n`,
    );
  }
  if (digests.kind === 'different') {
    const shown = members.map(({ memberId }) => digests.digests[memberId]);
    parts.push(`the digests at sequence number ${digests.sequenceNumber} are not the same:\n${atEach(shown, '')}`);
  }
  parts.push(`${isEqual ? equal(report, members) : 'different: the members do not hold the same'}\n`);
  if (sequenceNumbers.length > 1) parts.push(`compared at ${sequenceNumbers.length} snapshots, one after the other\n`);
  return parts.join('\n');
}

function equal({ tables, sequenceNumbers, digests }: VerifyReport, members: readonly VerifiedMember[]): string {
  const rows = tables.reduce((sum, one) => sum + one.rows, 0);
  const at = sequenceNumbers.map(grouped).join(', ');
  const ofDigests =
    digests.kind === 'equal'
      ? `digests equal at ${grouped(digests.sequenceNumber)}`
      : 'digests not compared: the group is being written to';
  return `equal: ${counted(members.length, 'member')} ${members.length === 1 ? 'holds' : 'hold the same'} ${counted(rows, 'row')} in ${counted(tables.length, 'table')} at sequence number ${at}; ${ofDigests}`;
}
