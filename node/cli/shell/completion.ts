/** What Tab offers: statements, tables, and the clauses that a statement takes. */
import { FORMS, formNamed } from './forms.ts';
import { Nesting } from './nesting.ts';

/**
 * @param line up to the cursor
 * @returns What may stand in place of `part`, the end of the line; as readline wants it.
 */
export async function completions(
  line: string,
  tables: () => Promise<readonly string[]>,
): Promise<[candidates: string[], part: string]> {
  const statement = lastStatement(line);
  if (statement === null) return [[], line];
  const words = statement.trimStart().split(/\s+/);
  const part = words.at(-1)!;
  const candidates = await candidatesFor(words, tables);
  const wanted = part.toLowerCase();
  return [candidates.filter((one) => one.toLowerCase().startsWith(wanted)).map((one) => `${one} `), part];
}

async function candidatesFor(words: readonly string[], tables: () => Promise<readonly string[]>): Promise<string[]> {
  const [name, ...rest] = words;
  if (rest.length === 0)
    return FORMS.flatMap(({ name, alias }) => (alias === undefined ? [name] : [name, alias])).sort();
  const form = formNamed(name!);
  if (form === undefined) return [];
  if (form.name === 'help') return rest.length === 1 ? FORMS.map((one) => one.name).sort() : [];
  const positional = form.positionals[rest.length - 1];
  if (rest.at(-2) === 'table' || positional?.kind === 'table') return [...(await tables())];
  if (positional?.kind === 'name') return positional.shown.split('|');
  const said = new Set(rest);
  return Object.keys(form.clauses).filter((clause) => !said.has(clause));
}

/** What stands behind the last `;`; null where the cursor is in a value. */
function lastStatement(line: string): string | null {
  const nesting = new Nesting();
  let from = 0;
  for (let i = 0; i < line.length; i++) {
    if (line[i] === ';' && !nesting.isOpen) from = i + 1;
    else nesting.step(line[i]!);
  }
  return nesting.isOpen ? null : line.slice(from);
}
