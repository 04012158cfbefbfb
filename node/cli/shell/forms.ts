/** Every statement of the shell: how it is written, what it becomes, and what help says of it. */

export type ArgumentKind =
  /** A name, bare or in quotes. */
  | 'name'
  | 'table'
  /** A scalar, or an array of scalars. */
  | 'key'
  | 'value'
  | 'object'
  | 'list'
  | 'number'
  /** Stands alone, and is true where it stands. */
  | 'flag';

export interface Positional {
  readonly argument: string;
  readonly kind: ArgumentKind;
  /** As usage shows it. */
  readonly shown: string;
  readonly isOptional?: boolean;
}

export interface Form {
  /** Of the operation, or of the shell's own command. */
  readonly name: string;
  readonly alias?: string;
  readonly group: 'rows' | 'transactions' | 'tables' | 'group' | 'shell';
  readonly summary: string;
  /** In order, behind the name. */
  readonly positionals: readonly Positional[];
  /** In any order, behind those: the argument's name and its value. */
  readonly clauses: Readonly<Record<string, ArgumentKind>>;
  readonly details?: string;
  readonly examples: readonly string[];
}

const TABLE: Positional = { argument: 'table', kind: 'table', shown: 'TABLE' };
const KEY: Positional = { argument: 'key', kind: 'key', shown: 'KEY' };
const ROW: Positional = { argument: 'row', kind: 'object', shown: '{ROW}' };

const BOUNDS = { gte: 'value', gt: 'value', lte: 'value', lt: 'value' } as const;
const SELECTION = { where: 'object', ...BOUNDS, index: 'name' } as const;
const SELECTION_DETAILS =
  'where takes {column: value} or {column: {op: value}}, op one of eq ne lt lte gt gte in. The bounds gte, gt, lte, lt are keys, or the first columns of one.';

const PROFILE_DETAILS =
  'With profile it says how long the order took (l2), execution and queues (l1), and versions and disk (l0). Outside of a transaction writes take it, too.';
const FOR_UPDATE_DETAILS =
  'In a transaction forUpdate waits for the rows and locks them here until its end; writes without it do not wait, and win.';

export const FORMS: readonly Form[] = [
  {
    name: 'get',
    group: 'rows',
    summary: 'one row by its key',
    positionals: [TABLE, KEY],
    clauses: { columns: 'list', forUpdate: 'flag' },
    details: `A key of several columns is an array in key order. ${FOR_UPDATE_DETAILS}`,
    examples: [
      'get shop.products 1',
      'get shop.items ["order-7", 2]',
      'get shop.products 1 columns ["stock"]',
      'get shop.products 1 forUpdate',
    ],
  },
  {
    name: 'getMany',
    group: 'rows',
    summary: 'several rows by their keys',
    positionals: [TABLE, { argument: 'keys', kind: 'list', shown: '[KEY,…]' }],
    clauses: { columns: 'list', forUpdate: 'flag' },
    details: FOR_UPDATE_DETAILS,
    examples: ['getMany shop.products [1, 2, 5]'],
  },
  {
    name: 'scan',
    group: 'rows',
    summary: 'rows in key order',
    positionals: [TABLE],
    clauses: { ...SELECTION, columns: 'list', limit: 'number', reverse: 'flag', forUpdate: 'flag' },
    details: `${SELECTION_DETAILS} ${FOR_UPDATE_DETAILS}`,
    examples: [
      'scan shop.products limit 10',
      'scan shop.products where {stock: {lt: 3}} columns ["id", "stock"]',
      'scan shop.items gte ["order-7"] lte ["order-9"] reverse',
    ],
  },
  {
    name: 'count',
    group: 'rows',
    summary: 'how many rows a scan would give',
    positionals: [TABLE],
    clauses: { ...SELECTION, limit: 'number' },
    details: SELECTION_DETAILS,
    examples: ['count shop.products', 'count shop.products where {stock: 0}'],
  },
  {
    name: 'insert',
    group: 'rows',
    summary: 'a new row; its key must be free',
    positionals: [TABLE, ROW],
    clauses: { profile: 'flag' },
    examples: ["insert shop.products {id: 1, name: 'violin', stock: 5}"],
  },
  {
    name: 'put',
    group: 'rows',
    summary: 'a row, in place of the one with its key if there is one',
    positionals: [TABLE, ROW],
    clauses: { profile: 'flag' },
    details: 'Columns that the row leaves out get their defaults.',
    examples: ['put shop.products {"id": 1, "stock": 5}', "put shop.products {id: 2, name: 'viola', stock: 0}"],
  },
  {
    name: 'update',
    group: 'rows',
    summary: 'columns of a row, or of all rows that are selected',
    positionals: [TABLE, { ...KEY, isOptional: true }, { argument: 'set', kind: 'object', shown: '{SET}' }],
    clauses: { if: 'object', ...SELECTION, all: 'flag', profile: 'flag' },
    details: `With if the row is changed only where these columns have these values. In place of the key: a range, where, or all. ${SELECTION_DETAILS}`,
    examples: [
      'update shop.products 1 {"stock": 4}',
      'update shop.products 1 {stock: 4} if {stock: 5}',
      'update shop.products {stock: 0} where {stock: {lt: 0}}',
    ],
  },
  {
    name: 'delete',
    group: 'rows',
    summary: 'a row, or all rows that are selected',
    positionals: [TABLE, { ...KEY, isOptional: true }],
    clauses: { if: 'object', ...SELECTION, all: 'flag', profile: 'flag' },
    details: `With if the row is deleted only where these columns have these values. In place of the key: a range, where, or all. ${SELECTION_DETAILS}`,
    examples: ['delete shop.products 1', 'delete shop.products where {stock: 0}', 'delete shop.products all'],
  },
  {
    name: 'increment',
    group: 'rows',
    summary: 'adds to a column of a row, in conflict with no other increment',
    positionals: [
      TABLE,
      KEY,
      { argument: 'column', kind: 'name', shown: 'COLUMN' },
      { argument: 'by', kind: 'value', shown: 'BY' },
    ],
    clauses: { min: 'value', max: 'value' },
    details:
      'With min and max the commit is refused where the column would have less or more afterwards. The commit says what it came to.',
    examples: ['increment shop.products 1 stock -1 min 0', 'increment shop.products 1 views 1'],
  },
  {
    name: 'begin',
    group: 'transactions',
    summary: 'opens a transaction, which the statements after it belong to',
    positionals: [],
    clauses: {
      readOnly: 'flag',
      isolation: 'name',
      atLeast: 'value',
      asOf: 'value',
      timeoutMs: 'number',
      lockTimeoutMs: 'number',
      onError: 'name',
      idempotencyKey: 'value',
    },
    details:
      'Its snapshot is fixed by the first statement; with isolation "READ COMMITTED" each has its own. asOf: the past, by sequence number or time. A statement that fails dooms it: only rollback is left, unless it was begun with onError continue. Without begin each statement is a transaction of its own.',
    examples: [
      'begin',
      'begin readOnly',
      'begin isolation SERIALIZABLE',
      'begin atLeast 4711',
      "begin asOf '2026-11-20T09:00:00Z'",
      'begin onError continue lockTimeoutMs 0',
    ],
  },
  {
    name: 'commit',
    group: 'transactions',
    summary: 'commits the open transaction, or says who won against it',
    positionals: [],
    clauses: { profile: 'flag' },
    details: PROFILE_DETAILS,
    examples: ['commit', 'commit profile'],
  },
  {
    name: 'rollback',
    group: 'transactions',
    summary: 'gives the open transaction up',
    positionals: [],
    clauses: {},
    examples: ['rollback'],
  },
  {
    name: 'savepoint',
    group: 'transactions',
    summary: 'a place in the open transaction to go back to',
    positionals: [{ argument: 'name', kind: 'name', shown: 'NAME' }],
    clauses: {},
    details: 'A name that is given again moves.',
    examples: ['savepoint before'],
  },
  {
    name: 'rollbackTo',
    group: 'transactions',
    summary: 'undoes what was written since a savepoint, which stays',
    positionals: [{ argument: 'name', kind: 'name', shown: 'NAME' }],
    clauses: {},
    details:
      'Later savepoints are forgotten; locks stay. After a statement that failed only in a transaction begun with onError continue.',
    examples: ['rollbackTo before'],
  },
  {
    name: 'outcome',
    group: 'transactions',
    summary: 'what became of an idempotency key',
    positionals: [{ argument: 'idempotencyKey', kind: 'name', shown: 'KEY' }],
    clauses: { fence: 'flag' },
    details: 'With fence nothing commits with it any more, unless it has already.',
    examples: ['outcome order-4711', 'outcome order-4711 fence'],
  },
  {
    name: 'transact',
    group: 'transactions',
    summary: 'several statements as one transaction, again on conflict',
    positionals: [{ argument: 'steps', kind: 'list', shown: '[STEP,…]' }],
    clauses: { attempts: 'number', idempotencyKey: 'value', profile: 'flag' },
    details:
      'A step is {op, …arguments}; with expect it must give that, or nothing is written. It is a transaction of its own, apart from an open one.',
    examples: [
      "transact [{op: 'update', table: 'shop.products', key: 1, set: {stock: 3}, expect: {matched: 1}}, {op: 'insert', table: 'shop.orders', row: {id: 7, product: 1}}]",
    ],
  },
  {
    name: 'tables',
    group: 'tables',
    summary: 'all tables',
    positionals: [],
    clauses: {},
    examples: ['tables'],
  },
  {
    name: 'describe',
    group: 'tables',
    summary: 'columns, indexes and foreign keys of a table',
    positionals: [TABLE],
    clauses: {},
    examples: ['describe shop.products'],
  },
  {
    name: 'createTable',
    group: 'tables',
    summary: 'a new table',
    positionals: [
      TABLE,
      { argument: 'primaryKey', kind: 'list', shown: '["KEY",…]' },
      { argument: 'columns', kind: 'object', shown: '{COLUMNS}', isOptional: true },
    ],
    clauses: { unique: 'object', indexes: 'object', foreignKeys: 'object', ifNotExists: 'flag' },
    details:
      'Columns are {name: {type, nullable, default}}, type one of integer double decimal text boolean bytes timestamp json, default also {$generate: one of "uuid" "now" "sequence"}; without them rows are free-form beside the key. unique and indexes are {name: [columns]}, foreignKeys {name: {columns, references: {table, columns}, onDelete}}, onDelete one of restrict cascade setNull. Never part of an open transaction.',
    examples: [
      'createTable shop.products ["id"]',
      "createTable shop.orders ['id'] {id: {type: 'integer'}, product: {type: 'integer'}, note: {type: 'text', nullable: true}} ifNotExists",
      "createTable shop.orders ['id'] {id: {type: 'integer'}, product: {type: 'integer'}} foreignKeys {product: {columns: ['product'], references: {table: 'shop.products', columns: ['id']}}}",
    ],
  },
  {
    name: 'alterTable',
    group: 'tables',
    summary: 'columns, indexes, foreign keys or another name',
    positionals: [TABLE],
    clauses: {
      drop: 'list',
      dropColumns: 'list',
      addColumns: 'object',
      addIndexes: 'object',
      addUnique: 'object',
      addForeignKeys: 'object',
      rename: 'table',
    },
    details:
      'drop takes names of indexes and foreign keys; a column that is added is nullable or has a default. What is added is built while others write, and is there when this is answered; describe shows how far it is. Never part of an open transaction; transactions that used the table lose.',
    examples: [
      "alterTable shop.products addColumns {price: {type: 'decimal', default: '0'}}",
      "alterTable shop.orders addIndexes {by_product: ['product']}",
      'alterTable shop.orders drop ["by_product"]',
    ],
  },
  {
    name: 'dropTable',
    group: 'tables',
    summary: 'removes a table and its rows',
    positionals: [TABLE],
    clauses: { ifExists: 'flag' },
    details: 'Never part of an open transaction; transactions that wrote to the table lose.',
    examples: ['dropTable shop.products', 'dropTable shop.orders ifExists'],
  },
  {
    name: 'truncateTable',
    group: 'tables',
    summary: 'removes all rows of a table',
    positionals: [TABLE],
    clauses: { ifExists: 'flag' },
    details: 'Never part of an open transaction; transactions that wrote to the table lose.',
    examples: ['truncateTable shop.orders'],
  },
  {
    name: 'members',
    group: 'group',
    summary: 'the members of the group, as this one sees them',
    positionals: [],
    clauses: {},
    examples: ['members'],
  },
  {
    name: 'memberStats',
    alias: 'stats',
    group: 'group',
    summary: 'figures of each member',
    positionals: [],
    clauses: {},
    examples: ['stats', 'memberStats'],
  },
  {
    name: 'variables',
    group: 'group',
    summary: 'options of the whole group',
    positionals: [],
    clauses: {},
    examples: ['variables'],
  },
  {
    name: 'setVariable',
    group: 'group',
    summary: 'changes an option of the whole group, in its total order',
    positionals: [
      { argument: 'name', kind: 'name', shown: 'NAME' },
      { argument: 'value', kind: 'value', shown: 'VALUE' },
    ],
    clauses: {},
    examples: ['setVariable certification_rule "serial-safety-net"'],
  },
  {
    name: 'conflicts',
    group: 'group',
    summary: 'the last conflicts: which row, who lost, who won',
    positionals: [],
    clauses: { limit: 'number', table: 'table' },
    examples: ['conflicts', 'conflicts table shop.products limit 20'],
  },
  {
    name: 'conflictSummary',
    group: 'group',
    summary: 'hot rows, and who loses to whom',
    positionals: [],
    clauses: { limit: 'number', table: 'table' },
    examples: ['conflictSummary limit 10'],
  },
  {
    name: 'subscribe',
    group: 'group',
    summary: 'shows what happens, until Ctrl-C: changes, views or conflicts',
    positionals: [
      { argument: 'stream', kind: 'name', shown: 'changes|views|conflicts' },
      { ...TABLE, isOptional: true },
    ],
    clauses: { from: 'value', limit: 'number' },
    details:
      'from: the sequence number after which to start, or a time; that of a commit, too. limit: ends after so many events.',
    examples: [
      'subscribe changes shop.products',
      'subscribe changes from 4711 limit 10',
      "subscribe changes from '2026-11-20T09:00:00Z'",
      'subscribe views',
      'subscribe conflicts',
    ],
  },
  {
    name: 'ping',
    group: 'group',
    summary: 'the time of this member',
    positionals: [],
    clauses: {},
    examples: ['ping'],
  },
  {
    name: 'use',
    group: 'shell',
    summary: 'another member, by its number or URL; without one: lists them',
    positionals: [{ argument: 'member', kind: 'name', shown: 'N|URL', isOptional: true }],
    clauses: {},
    examples: ['use', 'use 2', 'use ws://127.0.0.1:7003/v1'],
  },
  {
    name: 'format',
    group: 'shell',
    summary: 'how results are shown: table, or json with one line a result',
    positionals: [{ argument: 'format', kind: 'name', shown: 'table|json' }],
    clauses: {},
    examples: ['format json', 'format table'],
  },
  {
    name: 'expanded',
    group: 'shell',
    summary: 'rows as one line a column: on, off, or auto when they are too wide',
    positionals: [{ argument: 'expanded', kind: 'name', shown: 'on|off|auto' }],
    clauses: {},
    examples: ['expanded on', 'expanded auto'],
  },
  {
    name: 'timing',
    group: 'shell',
    summary: 'how long each statement took: on or off',
    positionals: [{ argument: 'timing', kind: 'name', shown: 'on|off' }],
    clauses: {},
    examples: ['timing off'],
  },
  {
    name: 'help',
    group: 'shell',
    summary: 'this, or all about one statement',
    positionals: [{ argument: 'topic', kind: 'name', shown: 'STATEMENT', isOptional: true }],
    clauses: {},
    examples: ['help', 'help put'],
  },
  {
    name: 'exit',
    alias: 'quit',
    group: 'shell',
    summary: 'ends the shell; so does Ctrl-D',
    positionals: [],
    clauses: {},
    examples: ['exit'],
  },
];

/** By name or alias, in any case; undefined if there is none. */
export function formNamed(name: string): Form | undefined {
  const wanted = name.toLowerCase();
  return FORMS.find((form) => form.name.toLowerCase() === wanted || form.alias === wanted);
}
