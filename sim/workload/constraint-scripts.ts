/**
 * Clients of tables that have unique and secondary indexes and refer to each other: pets have an owner, with whom they go,
 * and perhaps a sitter, whom they forget; nobody with a bill goes. Values are few, so that much is refused, and much
 * conflicts. What holds of the rows whatever clients do, `constraint-observer.ts` checks; here, that indexes are read as
 * the rows are.
 */
import type { SeededRandom } from '../../gcs/base/index.ts';
import { type Attempt, type Key, type Row, rowName, type ScannedPart } from './history.ts';

export const OWNER_TABLE = 'app.owner';
export const PET_TABLE = 'app.pet';
export const BILL_TABLE = 'app.bill';

const INTEGER = { type: 'integer' };
const NULLABLE = { type: 'integer', nullable: true };

/** Arguments of `createTable`, in the order in which they can be made. */
export const CONSTRAINED_TABLES: Readonly<Record<string, object>> = {
  [OWNER_TABLE]: {
    primaryKey: ['id'],
    columns: { id: INTEGER, code: NULLABLE, tag: INTEGER },
    unique: { code: ['code'] },
  },
  [PET_TABLE]: {
    primaryKey: ['id'],
    columns: { id: INTEGER, owner: NULLABLE, sitter: NULLABLE, kind: NULLABLE, chip: NULLABLE, tag: INTEGER },
    indexes: { by_kind: ['kind'], by_owner: ['owner', 'kind'] },
    unique: { chip: ['kind', 'chip'] },
    foreignKeys: {
      owned: { columns: ['owner'], references: { table: OWNER_TABLE, columns: ['id'] }, onDelete: 'cascade' },
      sat: { columns: ['sitter'], references: { table: OWNER_TABLE, columns: ['code'] }, onDelete: 'setNull' },
    },
  },
  [BILL_TABLE]: {
    primaryKey: ['owner', 'number'],
    columns: { owner: INTEGER, number: INTEGER, tag: INTEGER },
    foreignKeys: {
      owed: { columns: ['owner'], references: { table: OWNER_TABLE, columns: ['id'] }, onDelete: 'restrict' },
    },
  },
};

const OWNERS = 2;
const CODES = 3;
const PETS = 4;
const KINDS = 3;
const CHIPS = 2;
const BILLS = 1;

/** A statement, and what is to be told to the history of its answer. */
export interface ConstrainedStatement {
  readonly request: { readonly op: string; readonly table: string; readonly [argument: string]: unknown };
  // biome-ignore lint/suspicious/noExplicitAny: results are as various as operations
  readonly answered: (result: any) => void;
}

/** The statements of one transaction. What is looked for comes first, and no row is named twice. */
export function drawConstrained(random: SeededRandom, attempt: Attempt): readonly ConstrainedStatement[] {
  const statements: ConstrainedStatement[] = random.chance(40) ? [findPets(random, attempt)] : [];
  const named = new Set<string>();
  for (let times = random.between(1, 3); times > 0; times--) {
    const change = random.pick([changeOwner, changeOwner, changeOwner, changePet, changePet, changePet, changeBill]);
    const { row, ...statement } = change(random, attempt);
    if (!named.has(row)) statements.push(statement);
    named.add(row);
  }
  return statements;
}

/** The situation that an error is; null: none that has to do with constraints. */
export function refusal(error: {
  readonly code: string;
  readonly item?: string;
  readonly isReferredTo?: boolean;
}): string | null {
  if (error.code === 'DUPLICATE_KEY') return 'a duplicate is refused';
  if (error.item === 'unique') return 'two want one unique value';
  if (error.item === 'reference') return 'a row goes as somebody begins to refer to it';
  if (error.code !== 'FOREIGN_KEY_VIOLATION') return null;
  return error.isReferredTo ? 'a row that is referred to is not deleted' : 'a reference to nothing is refused';
}

interface Change extends ConstrainedStatement {
  /** The row that it names. */
  readonly row: string;
}

function changeOwner(random: SeededRandom, attempt: Attempt): Change {
  const id = random.below(OWNERS);
  const code = valueBelow(random, CODES);
  const set = random.chance(50) ? { code } : {};
  return changeOf(random, attempt, { table: OWNER_TABLE, key: [id], row: { id, code }, set });
}

function changePet(random: SeededRandom, attempt: Attempt): Change {
  const id = random.below(PETS);
  const row = {
    id,
    owner: valueBelow(random, OWNERS),
    sitter: random.chance(50) ? null : valueBelow(random, CODES),
    kind: valueBelow(random, KINDS),
    chip: valueBelow(random, CHIPS),
  };
  const { id: _id, ...rest } = row;
  const column = random.pick(['owner', 'sitter', 'kind', 'chip'] as const);
  const set = random.chance(30) ? {} : random.chance(40) ? rest : { [column]: row[column] };
  if (!random.chance(15)) return changeOf(random, attempt, { table: PET_TABLE, key: [id], row, set });
  const kind = random.below(KINDS);
  const selection = { index: 'by_kind', gte: kind, lte: kind };
  for (let pet = 0; pet < PETS; pet++) attempt.mayWrite.add(rowName(PET_TABLE, [pet]));
  const request = random.chance(50)
    ? { op: 'delete', table: PET_TABLE, ...selection }
    : { op: 'update', table: PET_TABLE, ...selection, set: { ...set, tag: attempt.tag } };
  return { request, row: 'pets of a kind', answered: () => {} };
}

function changeBill(random: SeededRandom, attempt: Attempt): Change {
  const key = [random.below(OWNERS), random.below(BILLS)];
  const row = { owner: key[0], number: key[1] };
  return changeOf(random, attempt, { table: BILL_TABLE, key, row, set: {}, isMostlyDeleted: true });
}

function changeOf(
  random: SeededRandom,
  attempt: Attempt,
  about: {
    readonly table: string;
    readonly key: Key;
    readonly row: Row;
    readonly set: Row;
    readonly isMostlyDeleted?: boolean;
  },
): Change {
  const { table, key, isMostlyDeleted = false } = about;
  const { tag } = attempt;
  const name = rowName(table, key);
  const keyArgument = key.length === 1 ? key[0] : key;
  const op = random.pick(
    isMostlyDeleted ? ['insert', 'delete', 'delete'] : ['insert', 'put', 'put', 'update', 'update', 'delete'],
  );
  if (op === 'delete') {
    const answered = ({ matched }: { matched: number }): void => {
      if (matched === 1) attempt.deletes.push({ table, key });
    };
    return { request: { op, table, key: keyArgument }, row: name, answered };
  }
  // It may go again with what it refers to.
  attempt.mayWrite.add(name);
  const what = op === 'update' ? { key: keyArgument, set: { ...about.set, tag } } : { row: { ...about.row, tag } };
  return { request: { op, table, ...what }, row: name, answered: () => {} };
}

function findPets(random: SeededRandom, attempt: Attempt): ConstrainedStatement {
  const table = PET_TABLE;
  const gte = random.below(KINDS);
  const part: ScannedPart = {
    table,
    index: random.pick(['by_kind', 'by_owner']),
    ...(random.chance(70) && { gte, lt: gte + random.between(1, 2) }),
    ...(random.chance(40) && { limit: random.between(1, 3) }),
    ...(random.chance(30) && { reverse: true }),
  };
  const answered = ({ rows }: { rows: readonly Row[] }): void => attempt.scanned(part, rows);
  return { request: { op: 'scan', ...part }, answered };
}

function valueBelow(random: SeededRandom, bound: number): number | null {
  return random.chance(15) ? null : random.below(bound);
}

/** Whether a row may change without the tag of who changes it: it forgets what it referred to. */
export function mayForget({ name }: { readonly name: string }): boolean {
  return name === PET_TABLE;
}
