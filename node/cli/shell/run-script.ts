/** Statements from a text or a stream, one after the other, until the first that fails. */
import { failed } from '../cli-error.ts';
import type { MemberLabel } from '../member-label.ts';
import { explainError, isExpected } from './explain-error.ts';
import type { Shell } from './shell.ts';
import { type SourceStatement, StatementSplitter } from './statement-splitter.ts';

/** Ends early where `signal` asks for it. @throws CliError that names the line */
export async function runScript(
  lines: AsyncIterable<string> | Iterable<string>,
  context: { readonly shell: Shell; readonly label: () => MemberLabel; readonly signal: AbortSignal },
): Promise<void> {
  const { shell, label, signal } = context;
  const splitter = new StatementSplitter();
  const run = async ({ text, line }: SourceStatement) => {
    try {
      return await shell.execute(text, signal);
    } catch (error) {
      if (!isExpected(error)) throw error;
      await shell.showErrorAsJson(error);
      const isDoomed = shell.session.transaction?.doomedBy != null;
      throw failed(`line ${line}: ${explainError(error, { label: label(), isDoomed }).join('; ')}`, error);
    }
  };
  for await (const line of lines) {
    for (const statement of splitter.push(line)) {
      if ((await run(statement)) === 'exit' || signal.aborted) return;
    }
  }
  const { unfinished } = splitter;
  if (unfinished !== null) {
    throw failed(`line ${unfinished.line}: the input ends within a statement: ${splitter.openedBy} is not closed`);
  }
  if (shell.session.transaction !== null) {
    throw failed('the input ends within a transaction; it is rolled back: nothing of it was written');
  }
}
