/**
 * The transactions of sysbench's `oltp_write_only`, each one `transact`: two updates by primary key, and a row that is
 * deleted and inserted again, each of a table and a row of its own choice. Uniform over few rows, so that they get into
 * each other's way.
 */
import { awaitAgreement, readAgreed } from '../agreement.ts';
import { BenchError } from '../bench-error.ts';
import type { MemberConnection } from '../member-connection.ts';
import { option, wholeNumber } from '../option-kinds.ts';
import type { Attempt, LoadRequest, Scenario, ScenarioSetup, Workload } from '../scenario.ts';
import { eachRow, putRows } from '../table-rows.ts';
import { type AcknowledgedWrites, initialValue, judgeRows, lastWrites } from './micro-verification.ts';
import { SlotChances } from './slot-chances.ts';

const tablesCount = 10;
const tables = Array.from({ length: tablesCount }, (_, at) => `bench.oltp${at + 1}`);
const payload = 'a row as that of sysbench has it: a number that is indexed there, and text of a hundred or so bytes..';
/** Of three rows at most, each of which may be one of the others. */
const choices = 3;

const options = {
  rows: option(wholeNumber(tablesCount, 10_000_000), 100, `rows of the ${tablesCount} tables together`),
};

type OltpSetup = ScenarioSetup<typeof options>;

export const oltp: Scenario<typeof options> = {
  name: 'oltp',
  summary: `as sysbench's oltp_write_only, in one transact: two updates, a delete and an insert, over --rows rows`,
  options,
  tables,
  async setUp(group, { options }) {
    const member = group.members[0]!;
    for (const [at, table] of tables.entries()) {
      await member.requestUntilDone('dropTable', { table, ifExists: true });
      await member.requestUntilDone('createTable', {
        table,
        primaryKey: ['id'],
        columns: { id: { type: 'integer' }, value: { type: 'integer' }, payload: { type: 'text' } },
      });
      const rowAt = (id: number) => ({ id, value: initialValue, payload });
      await putRows(member, { table, count: rowsOf(at, options.rows), rowAt }, group.progress);
    }
    await awaitAgreement(group);
  },
  workload: (setup) => new OltpWorkload(setup),
  async verify(group, { options }, facts) {
    const members = await readAgreed(group, async (member) => ({ values: await readValues(member, options.rows) }));
    return judgeRows(lastWrites(facts as readonly AcknowledgedWrites[]), members);
  },
};

interface OltpTransaction {
  readonly kind: 'oltp';
  /** To be updated, to be updated, to be deleted and inserted; numbered over all tables. */
  readonly rows: readonly number[];
  readonly value: number;
}

/** Row `row` of all is row `row / tablesCount` of table `row % tablesCount`. */
class OltpWorkload implements Workload<OltpTransaction> {
  readonly #rows: number;
  readonly #slots: number;
  readonly #chances: SlotChances;
  readonly #sequenceNumbers: Float64Array;
  readonly #values: Float64Array;
  readonly #unknown: { row: number; value: number }[] = [];

  constructor({ options: { rows }, seed, slots }: OltpSetup) {
    this.#rows = rows;
    this.#slots = slots;
    this.#chances = new SlotChances(seed);
    this.#sequenceNumbers = new Float64Array(rows);
    this.#values = new Float64Array(rows);
  }

  draw(slot: number): OltpTransaction {
    const chance = this.#chances.of(slot);
    // No two transactions set the same value.
    const value = initialValue + 1 + chance.drawn++ * this.#slots + slot;
    const rows = Array.from({ length: choices }, () => chance.random.below(this.#rows));
    return { kind: 'oltp', rows, value };
  }

  *attempt({ rows, value }: OltpTransaction): Attempt {
    const [first, second, third] = rows as [number, number, number];
    const steps: LoadRequest[] = [
      { op: 'update', ...placeOf(first), set: { value } },
      { op: 'update', ...placeOf(second), set: { value } },
      { op: 'delete', ...placeOf(third) },
      { op: 'insert', table: placeOf(third).table, row: { id: placeOf(third).key, value, payload } },
    ];
    const answers = yield [{ id: 0, op: 'transact', steps }];
    const { sequenceNumber, results } = answers[0] as {
      readonly sequenceNumber: unknown;
      readonly results: readonly { readonly matched?: number }[];
    };
    if (results.slice(0, choices).some(({ matched }) => matched !== 1)) {
      throw wrong(`a transaction on the rows ${rows.join(', ')} gave ${JSON.stringify(results)}`);
    }
    if (typeof sequenceNumber !== 'number') {
      throw wrong(`an acknowledged transaction has the sequence number ${sequenceNumber}`);
    }
    for (const row of rows) {
      if (sequenceNumber <= this.#sequenceNumbers[row]!) continue;
      this.#sequenceNumbers[row] = sequenceNumber;
      this.#values[row] = value;
    }
    return 'committed';
  }

  outcomeUnknown({ rows, value }: OltpTransaction): void {
    for (const row of rows) this.#unknown.push({ row, value });
  }

  facts(): AcknowledgedWrites {
    return { sequenceNumbers: this.#sequenceNumbers, values: this.#values, unknown: this.#unknown };
  }
}

function placeOf(row: number): { readonly table: string; readonly key: number } {
  return { table: tables[row % tablesCount]!, key: Math.floor(row / tablesCount) };
}

/** Rows of the table at `at`, of `rows` in all. */
function rowsOf(at: number, rows: number): number {
  return Math.ceil((rows - at) / tablesCount);
}

async function readValues(member: MemberConnection, rows: number): Promise<Float64Array> {
  const values = new Float64Array(rows).fill(Number.NaN);
  for (const [at, table] of tables.entries()) {
    await eachRow<{ id: number; value: number }>(member, { table, columns: ['id', 'value'] }, ({ id, value }) => {
      if (!(id >= 0 && id < rowsOf(at, rows))) {
        throw wrong(`${member.memberId} has a row ${id} in ${table}, which nobody wrote`);
      }
      values[id * tablesCount + at] = value;
    });
  }
  return values;
}

function wrong(message: string): BenchError {
  return new BenchError({ code: 'LOAD', message });
}
