/** Options of the whole group, for people and as JSON; and their change. */
import type { VariableRow } from '../../../client/index.ts';
import { textTable } from '../text-table.ts';
import { ask, withGroup } from './run-admin.ts';

type Out = Pick<NodeJS.WriteStream, 'write'>;

export async function variables(
  asked: { readonly url: string | undefined; readonly json: boolean },
  out: Out,
): Promise<number> {
  const rows = await withGroup(asked.url, (client) => client.variables());
  out.write(asked.json ? `${JSON.stringify(rows)}\n` : variableTable(rows));
  return 0;
}

export async function setVariable(
  asked: { readonly url: string | undefined; readonly name: string; readonly value: string; readonly json: boolean },
  out: Out,
): Promise<number> {
  const { url, name, value, json } = asked;
  const { sequenceNumber, changed } = await withGroup(url, (client) =>
    ask<{ sequenceNumber: number; changed: boolean }>(client, 'setVariable', { name, value }),
  );
  const done = { op: 'setVariable', name, value, sequenceNumber, changed };
  const line = changed ? `${name} is ${value} from ${sequenceNumber} on` : `${name} is ${value} already`;
  out.write(json ? `${JSON.stringify(done)}\n` : `${line}\n`);
  return 0;
}

export function variableTable(rows: readonly VariableRow[]): string {
  const head = ['VARIABLE', 'VALUE', 'SINCE', 'ALLOWED'];
  const cells = rows.map(({ name, value, since, allowed }) => [
    name,
    value,
    since === 0 ? '-' : since,
    allowed.join(', '),
  ]);
  return textTable(head, cells);
}
