import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { parse } from 'yaml';
import { ERROR_CLASSES } from '../node/engine/errors.ts';
import { OPERATIONS } from '../node/engine/sessions/operations.ts';
import { accounts, TABLE } from '../node/engine/testing/accounts.ts';

interface Schema {
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly const?: string;
  readonly enum?: readonly string[];
}

const document = parse(readFileSync(path.join(import.meta.dirname, 'asyncapi.yaml'), 'utf8'));
const schemas: Readonly<Record<string, Schema>> = document.components.schemas;

function resolved(schema: Schema): Schema {
  if (schema.$ref === undefined) return schema;
  const found = schemas[schema.$ref.replace('#/components/schemas/', '')];
  assert.ok(found, `${schema.$ref} is there`);
  return found;
}

function propertiesOf(schema: Schema): readonly string[] {
  const { allOf = [], properties = {} } = resolved(schema);
  return [...new Set([...Object.keys(properties), ...allOf.flatMap(propertiesOf)])].sort();
}

/** The arguments of every documented operation. */
const documented = new Map<string, readonly string[]>();
for (const schema of schemas.request!.oneOf!) {
  const op = resolved(resolved(schema).properties!.op!);
  for (const name of op.enum ?? [op.const!]) documented.set(name, propertiesOf(schema));
}

describe('the AsyncAPI document', () => {
  test('describes exactly the operations that there are', () => {
    assert.deepEqual([...documented.keys()].sort(), [...OPERATIONS.keys()].sort());
  });

  for (const [op, operation] of OPERATIONS) {
    test(`describes exactly the arguments of ${op}`, () => {
      const { known } = operation.kind === 'statement' ? { known: bothWays(operation) } : operation.argumentNames;
      assert.deepEqual(documented.get(op), known);
    });
  }

  test('names only codes that there are', () => {
    const codes = resolved(schemas.error!).properties!.code!.enum!;
    for (const code of codes) assert.ok(code in ERROR_CLASSES, code);
  });

  test('refers to nothing that is missing', () => {
    const text = JSON.stringify(document);
    for (const [, reference] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      let at: unknown = document;
      for (const step of reference!.split('/')) at = (at as Record<string, unknown> | undefined)?.[step];
      assert.notEqual(at, undefined, reference);
    }
  });
});

test('every event is as the AsyncAPI document says, and it names no other', () => {
  const { client, clock, replica } = accounts([1]);
  for (const stream of ['changes', 'views', 'conflicts']) client.do('subscribe', { stream });
  client.do('subscribe', { stream: 'changes', table: TABLE });
  client.do('createTable', { table: 'a.b', primaryKey: ['k'] });
  client.do('put', { table: TABLE, row: { id: 1, v: 2 } });
  client.do('delete', { table: TABLE, key: 1 });
  client.do('dropTable', { table: 'a.b' });
  client.do('setVariable', { name: 'certification_rule', value: 'serial-safety-net' });
  replica.conflictSeen(replica.conflicts(1, null)[0]!);
  clock.advance(2000);
  client.connection.shutDown();
  const ajv = new Ajv2020({ strict: false }).addSchema(document, 'document');
  const isEvent = ajv.compile({ $ref: 'document#/components/schemas/event' });
  for (const event of client.events)
    assert.ok(isEvent(event), `${JSON.stringify(event)}: ${ajv.errorsText(isEvent.errors)}`);
  const documentedEvents = schemas.event!.oneOf!.map((event) => resolved(resolved(event).properties!.event!).const!);
  assert.deepEqual([...new Set(client.events.map(({ event }) => event))].sort(), [...documentedEvents].sort());
});

function bothWays({ inside, alone }: Extract<ReturnType<typeof OPERATIONS.get>, { kind: 'statement' }>) {
  return [...new Set([...inside.known, ...alone.known])].sort();
}
