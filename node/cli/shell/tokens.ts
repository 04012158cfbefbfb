/** A statement's parts: bare words, and values that begin with a bracket or a quote. */
import { Nesting } from './nesting.ts';
import { StatementError } from './statement-error.ts';

export interface Token {
  readonly kind: 'word' | 'value';
  readonly text: string;
  readonly offset: number;
}

/** @throws StatementError for a bracket or quote without its partner */
export function tokensOf(statement: string): readonly Token[] {
  const tokens: Token[] = [];
  const nesting = new Nesting();
  let from = -1;
  const end = (kind: Token['kind'], at: number) => {
    if (from >= 0) tokens.push({ kind, text: statement.slice(from, at), offset: from });
    from = -1;
  };
  for (let i = 0; i < statement.length; i++) {
    const unit = statement[i]!;
    const wasOpen = nesting.isOpen;
    nesting.step(unit);
    if (nesting.isBroken) throw new StatementError(`${unit} closes nothing that is open`, i);
    if (wasOpen && !nesting.isOpen) end('value', i + 1);
    else if (!wasOpen && nesting.isOpen) {
      end('word', i);
      from = i;
    } else if (!wasOpen && /\s/.test(unit)) end('word', i);
    else if (from < 0) from = i;
  }
  if (nesting.isOpen) throw new StatementError(`${nesting.openedBy} is not closed`, from);
  end('word', statement.length);
  return tokens;
}
