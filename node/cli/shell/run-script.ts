/** Statements from a text or a stream, one after the other, until the first that fails. */
import { failed } from '../cli-error.ts';
import type { MemberLabel } from '../member-label.ts';
import { explainError, isExpected } from './explain-error.ts';
import type { Shell } from './shell.ts';
import { type SourceStatement, StatementSplitter } from './statement-splitter.ts';

interface ScriptContext {
  readonly shell: Shell;
  readonly label: () => MemberLabel;
  readonly signal: AbortSignal;
}

/** Ends early where `signal` asks for it. @throws CliError that names the line */
export async function runScript(
  lines: AsyncIterable<string> | Iterable<string>,
  context: ScriptContext,
): Promise<void> {
  const { shell, signal } = context;
  for await (const statement of statementsOf(lines, context)) {
    const next = await orFailed(context, statement.line, () => shell.execute(statement.text, signal));
    if (signal.aborted) return;
    if (next === 'exit') break;
  }
  if (signal.aborted) return;
  if (shell.session.transaction !== null) {
    throw failed('the input ends within a transaction; it is rolled back: nothing of it was written');
  }
}

async function* statementsOf(
  lines: AsyncIterable<string> | Iterable<string>,
  context: ScriptContext,
): AsyncGenerator<SourceStatement> {
  const splitter = new StatementSplitter();
  let number = 0;
  for await (const line of lines) {
    number++;
    yield* await orFailed(context, number, () => splitter.push(line));
  }
  const { unfinished, openedBy } = splitter;
  if (unfinished !== null && !context.signal.aborted) {
    throw failed(`line ${unfinished.line}: the input ends within a statement: ${openedBy} is not closed`);
  }
}

async function orFailed<T>(
  { shell, label, signal }: ScriptContext,
  line: number,
  work: () => T | Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isExpected(error)) throw error;
    if (!signal.aborted) await shell.showErrorAsJson(error);
    const isDoomed = shell.session.transaction?.doomedBy != null;
    throw failed(`line ${line}: ${explainError(error, { label: label(), isDoomed }).join('; ')}`, error);
  }
}
