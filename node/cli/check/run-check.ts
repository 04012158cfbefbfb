/** `concert check`, from its options to its exit code. */
import { checkHistory } from '../../../checker/index.ts';
import { type History, HistoryFileError, readHistory } from '../../../harness/history/read-history.ts';
import type { CommandRun } from '../command.ts';
import { visible } from '../display/cell-text.ts';
import { Output } from '../display/output.ts';
import { chooseColumns, nameOf } from './choose-columns.ts';
import { type CheckCommandOptions, SHOWN_DEFAULT } from './command.ts';
import { NotCheckable } from './not-checkable.ts';
import { recordedTransactions } from './recorded-transactions.ts';
import { asJson, asText, type Checked } from './report.ts';
import { survey } from './survey.ts';
import { transactionsToCheck } from './transactions-to-check.ts';

const VIOLATIONS = 1;
const NOT_CHECKED = 2;

export async function runCheck(options: CheckCommandOptions, { operands, output }: CommandRun): Promise<number> {
  const file = operands[0]!;
  let checked: Checked;
  try {
    checked = check(file, await readHistory(file), options);
  } catch (error) {
    process.stderr.write(`concert: not checked: ${visible(reasonOf(error, file))}\n`);
    return NOT_CHECKED;
  }
  const limit = options.limit ?? SHOWN_DEFAULT;
  await new Output(output).write(options.json ? asJson(checked, limit) : asText(checked, limit));
  return checked.result.violations.length === 0 ? 0 : VIOLATIONS;
}

/** @throws NotCheckable */
function check(file: string, history: History, options: CheckCommandOptions): Checked {
  const { level = 'snapshot isolation', 'version-order': versionOrder = 'sequence-numbers' } = options;
  const { rule = 'read-validation' } = options;
  const recorded = recordedTransactions(history);
  if (recorded.length === 0) throw new NotCheckable('no request in it reads or writes rows');
  const surveyed = survey(history, recorded, options['primary-key'] ?? []);
  const columns = chooseColumns(surveyed, options);
  if (columns.lists.length + columns.registers.length + columns.banks.length === 0) {
    const [first] = columns.leftOut;
    const why = first === undefined ? 'nothing is written' : `${nameOf(first)}, line ${first.line}: ${first.why}`;
    throw new NotCheckable(`no column is fit for it; ${why}`);
  }
  const transactions = transactionsToCheck(recorded, columns, surveyed);
  const totals = new Map(
    columns.banks.flatMap((bank) => (bank.total === null ? [] : [[nameOf(bank), bank.total] as const])),
  );
  const result = checkHistory(transactions.history, { level, rule, versionOrder, totals });
  return { file, level, versionOrder, isTorn: history.isTorn, columns, transactions, result };
}

function reasonOf(error: unknown, file: string): string {
  if (error instanceof HistoryFileError) return error.message;
  if (error instanceof NotCheckable) {
    return error.line === null ? `${file}: ${error.message}` : `${file}, line ${error.line}: ${error.message}`;
  }
  const { code, message } = error as NodeJS.ErrnoException;
  if (typeof code !== 'string') throw error;
  return `${file} cannot be read: ${message}`;
}
