/** What `help` and `help STATEMENT` say. Every line of the examples is a statement that the shell reads. */
import { FORMS, type Form } from './forms.ts';
import { usageOf } from './parse-statement.ts';

const TITLES: Readonly<Record<Form['group'], string>> = {
  rows: 'Rows',
  transactions: 'Transactions',
  tables: 'Tables',
  group: 'The group',
  shell: 'This shell',
};

const NOTES = `Any operation of the API also as NAME {arguments}, or as a whole request: {"op": "get", "table": "shop.products", "key": 1}.
Values are JSON; names may stand without quotes, texts in single ones: {id: 1, name: 'violin'}.
A statement ends with its line, or at a semicolon; an open bracket or quote goes on in the next line.
Ctrl-C drops the line or stops what runs, Ctrl-D ends the shell, Tab completes. A line that begins with # is a comment.`;

export function helpOverview(): string {
  const names = (form: Form) => (form.alias === undefined ? form.name : `${form.name}, ${form.alias}`);
  const width = Math.max(...FORMS.map((form) => names(form).length)) + 2;
  const groups = Object.entries(TITLES).map(([group, title]) => {
    const lines = FORMS.filter((form) => form.group === group).map(
      (form) => `  ${names(form).padEnd(width)}${form.summary}`,
    );
    return `${title}\n${lines.join('\n')}\n`;
  });
  return `${groups.join('\n')}\n${NOTES}\nhelp STATEMENT shows its arguments and examples.\n`;
}

export function helpOf(form: Form): string {
  const { alias, details, examples, group } = form;
  const parts = [usageOf(form), `  ${form.summary}`];
  if (details !== undefined) parts.push(...wrapped(details, 98).map((line) => `  ${line}`));
  if (alias !== undefined) parts.push(`  also: ${alias}`);
  if (group === 'rows') {
    parts.push(
      '  An object at the end gives further arguments; outside of a transaction also those of begin, and attempts.',
    );
  }
  return `${parts.join('\n')}\n\n${examples.map((example) => `  ${example}\n`).join('')}`;
}

function wrapped(text: string, widthMax: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > widthMax) {
      lines.push(line);
      line = word;
    } else line += line === '' ? word : ` ${word}`;
  }
  lines.push(line);
  return lines;
}
