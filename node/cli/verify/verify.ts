/**
 * Compares the data of all members: the tables, and each row of each table, at one sequence number, and the digests.
 *
 * A snapshot lives for minutes only. Where it ends before everything is read, a new one is opened and the comparison goes
 * on behind the last key: then each row was compared at one sequence number, but not all rows at the same.
 */
import { isDeepStrictEqual } from 'node:util';
import { ConcertError, type TableDescription } from '../../../client/index.ts';
import { type CommonSnapshot, openCommonSnapshot, type SnapshotClock } from './common-snapshot.ts';
import { type Comparison, compareRows, type RowDifference } from './compare-rows.ts';
import { compareDigests, type DigestComparison } from './digests.ts';
import { tableRows } from './table-rows.ts';
import { NotComparable, type VerifiedMember } from './verified-member.ts';

export interface VerifySetup {
  readonly members: readonly VerifiedMember[];
  /** Null: all. */
  readonly table: string | null;
  /** Differences told in full, of rows and of tables each. */
  readonly differencesMax: number;
  readonly clock: SnapshotClock;
}

export interface VerifyReport {
  readonly isEqual: boolean;
  /** At which rows were compared. */
  readonly sequenceNumbers: readonly number[];
  readonly digests: DigestComparison;
  readonly tables: readonly ComparedTable[];
  /** Definitions by member, in their order; null: the member has no such table. */
  readonly tableDifferences: readonly {
    readonly table: string;
    readonly definitions: readonly (TableDescription | null)[];
  }[];
  /** The first of them. */
  readonly rowDifferences: readonly (RowDifference & { readonly table: string })[];
}

export interface ComparedTable {
  readonly table: string;
  /** Keys compared. */
  readonly rows: number;
  readonly differences: number;
}

/** Snapshots in a row that may end before a single row was compared. */
const FRUITLESS_MAX = 3;
const SNAPSHOT_ENDED = new Set(['SNAPSHOT_TOO_OLD', 'TRANSACTION_ABORTED', 'TIMEOUT', 'NO_SUCH_TRANSACTION']);

interface TableInWork {
  readonly description: TableDescription;
  readonly comparison: Comparison;
  differences: number;
  isDone: boolean;
}

export class Verification {
  readonly #setup: VerifySetup;
  #tables = new Map<string, TableInWork>();
  #sequenceNumbers: number[] = [];
  #tableDifferences = new Map<string, readonly (TableDescription | null)[]>();
  #rowDifferences: (RowDifference & { readonly table: string })[] = [];

  constructor(setup: VerifySetup) {
    this.#setup = setup;
  }

  /** Compared so far. */
  get rows(): number {
    let rows = 0;
    for (const { comparison } of this.#tables.values()) rows += comparison.rows;
    return rows;
  }

  /** @throws NotComparable, ConcertError */
  async run(): Promise<VerifyReport> {
    for (let attempt = 1; attempt <= FRUITLESS_MAX; attempt++) {
      this.#tables = new Map();
      this.#sequenceNumbers = [];
      this.#tableDifferences = new Map();
      this.#rowDifferences = [];
      if (await this.#compareAll()) return this.#report(await compareDigests(this.#setup.members, this.#setup.clock));
    }
    throw new NotComparable('the members could not be read at one sequence number');
  }

  /** False: the snapshots turned out not to be of one sequence number. */
  async #compareAll(): Promise<boolean> {
    for (let fruitless = 0; ; ) {
      const before = this.rows;
      const snapshot = await openCommonSnapshot(this.#setup.members, this.#setup.clock);
      this.#sequenceNumbers.push(snapshot.sequenceNumber);
      try {
        await this.#compareAt(snapshot);
        return await snapshot.end();
      } catch (error) {
        await snapshot.end();
        if (!(error instanceof ConcertError) || !SNAPSHOT_ENDED.has(error.code)) throw error;
        fruitless = this.rows > before ? 0 : fruitless + 1;
        if (fruitless < FRUITLESS_MAX) continue;
        throw new NotComparable(
          `the members keep no snapshot for as long as it takes to read from it: ${error.message}`,
        );
      }
    }
  }

  #report(digests: DigestComparison): VerifyReport {
    const tables = [...this.#tables.values()].map(({ description, comparison, differences }) => {
      return { table: description.table, rows: comparison.rows, differences };
    });
    const differ = tables.some(({ differences }) => differences > 0) || this.#tableDifferences.size > 0;
    return {
      isEqual: !differ && digests.kind !== 'different',
      sequenceNumbers: this.#sequenceNumbers,
      digests,
      tables,
      tableDifferences: [...this.#tableDifferences].map(([table, definitions]) => ({ table, definitions })),
      rowDifferences: this.#rowDifferences,
    };
  }

  async #compareAt(snapshot: CommonSnapshot): Promise<void> {
    for (const name of this.#namesAt(snapshot)) {
      const definitions = snapshot.members.map(({ tables }) => tables.find(({ table }) => table === name) ?? null);
      const [first] = definitions;
      if (first == null || !definitions.every((one) => isDeepStrictEqual(one, first))) {
        this.#tableDifferences.set(name, definitions);
        continue;
      }
      const table = this.#inWork(first);
      if (table.isDone) continue;
      await this.#compareTable(snapshot, table);
      table.isDone = true;
    }
  }

  #namesAt({ members }: CommonSnapshot): readonly string[] {
    const names = new Set(members.flatMap(({ tables }) => tables.map(({ table }) => table)));
    const { table } = this.#setup;
    if (table === null) return [...names].sort();
    if (names.has(table)) return [table];
    throw new NotComparable(`there is no table ${table}`);
  }

  /** Begun anew where the table was dropped or truncated since. */
  #inWork(description: TableDescription): TableInWork {
    const { table, tableId } = description;
    const known = this.#tables.get(table);
    if (known !== undefined && known.description.tableId === tableId) return known;
    const fresh = { description, comparison: { rows: 0, lastKey: undefined }, differences: 0, isDone: false };
    this.#tables.set(table, fresh);
    return fresh;
  }

  async #compareTable({ members }: CommonSnapshot, table: TableInWork): Promise<void> {
    const { description, comparison } = table;
    const streams = members.map((member) => tableRows(member, description, comparison.lastKey));
    try {
      await compareRows(streams, comparison, (difference) => {
        table.differences++;
        if (this.#rowDifferences.length >= this.#setup.differencesMax) return;
        this.#rowDifferences.push({ table: description.table, ...difference });
      });
    } finally {
      for (const stream of streams) void stream.return();
    }
  }
}
