/** Single-row updates by primary key, autocommit, uniform over the rows of one table. */
import { awaitAgreement } from './agreement.ts';
import { BenchError } from './bench-error.ts';
import type { MemberConnection } from './member-connection.ts';
import { type AcknowledgedWrites, initialValue, judgeRows, type MemberRows } from './micro-verification.ts';
import type { Scenario, ScenarioOptions, Verification, Workload } from './scenario.ts';

const table = 'bench.micro';
const payload = 'a small row, as of one account..';
/** Transactions of the set-up on their way at once. */
const batchesOutstanding = 4;
const rowsPerBatchMax = 1_000;
const rowsPerScan = 2_000;

export const micro: Scenario = {
  name: 'micro',
  summary: 'single-row updates by primary key, autocommit, uniform over --rows rows',
  async setUp(group, options) {
    const member = group.members[0]!;
    await member.requestUntilDone('dropTable', { table, ifExists: true });
    await member.requestUntilDone('createTable', {
      table,
      primaryKey: ['id'],
      columns: { id: { type: 'integer' }, value: { type: 'integer' }, payload: { type: 'text' } },
    });
    await insertRows(member, options.rows, group.progress);
    await awaitAgreement(group);
  },
  workload: (options) => new MicroWorkload(options),
  async verify(group, options, facts): Promise<Verification> {
    const positions = await awaitAgreement(group);
    const members = await Promise.all(
      group.members.map(
        async (member, at): Promise<MemberRows> => ({
          ...positions[at]!,
          values: await readValues(member, options.rows),
        }),
      ),
    );
    return judgeRows(facts as AcknowledgedWrites, members);
  },
};

class MicroWorkload implements Workload {
  readonly #rows: number;
  readonly #sequenceNumbers: Float64Array;
  readonly #values: Float64Array;
  readonly #unknown: { row: number; value: number }[] = [];
  readonly #rowOfSlot: Uint32Array;
  readonly #valueOfSlot: Float64Array;
  /** Each write sets the next number, so that no two set the same value. */
  #lastValue = initialValue;

  constructor({ rows, slots }: ScenarioOptions) {
    this.#rows = rows;
    this.#sequenceNumbers = new Float64Array(rows);
    this.#values = new Float64Array(rows);
    this.#rowOfSlot = new Uint32Array(slots);
    this.#valueOfSlot = new Float64Array(slots);
  }

  next(slot: number) {
    const key = Math.floor(Math.random() * this.#rows);
    const value = ++this.#lastValue;
    this.#rowOfSlot[slot] = key;
    this.#valueOfSlot[slot] = value;
    return { id: slot, op: 'update', table, key, set: { value } };
  }

  acknowledged(slot: number, result: Readonly<Record<string, unknown>>): string | null {
    const { sequenceNumber, matched } = result;
    const row = this.#rowOfSlot[slot]!;
    if (matched !== 1) return `an update of row ${row} matched ${matched} rows`;
    if (typeof sequenceNumber !== 'number') return `an acknowledged update has the sequence number ${sequenceNumber}`;
    if (sequenceNumber > this.#sequenceNumbers[row]!) {
      this.#sequenceNumbers[row] = sequenceNumber;
      this.#values[row] = this.#valueOfSlot[slot]!;
    }
    return null;
  }

  outcomeUnknown(slot: number): void {
    this.#unknown.push({ row: this.#rowOfSlot[slot]!, value: this.#valueOfSlot[slot]! });
  }

  facts(): AcknowledgedWrites {
    return { sequenceNumbers: this.#sequenceNumbers, values: this.#values, unknown: this.#unknown };
  }
}

async function insertRows(member: MemberConnection, rows: number, progress: (line: string) => void): Promise<void> {
  const step = (id: number) => ({ op: 'put', table, row: { id, value: initialValue, payload } });
  const size = rowsPerTransaction(member, step(rows));
  let next = 0;
  let inserted = 0;
  const insertBatches = async () => {
    while (next < rows) {
      const from = next;
      next = Math.min(rows, from + size);
      const upTo = next;
      const steps = Array.from({ length: upTo - from }, (_, i) => step(from + i));
      await member.requestUntilDone('transact', { steps });
      const tenths = Math.floor((inserted * 10) / rows);
      inserted += upTo - from;
      if (Math.floor((inserted * 10) / rows) > tenths) progress(`inserted ${inserted} of ${rows} rows`);
    }
  };
  await Promise.all(Array.from({ length: batchesOutstanding }, insertBatches));
}

/** Fills half a frame and half a transaction at most: the rest is for what surrounds the rows. */
function rowsPerTransaction(member: MemberConnection, step: object): number {
  const { frameBytesMax, transactionBytesMax, stepsMax } = member.welcome.limits;
  const bytesMax = Math.min(frameBytesMax ?? Infinity, transactionBytesMax ?? Infinity) / 2;
  return Math.max(1, Math.min(rowsPerBatchMax, stepsMax ?? Infinity, Math.floor(bytesMax / member.bytesOf(step))));
}

async function readValues(member: MemberConnection, rows: number): Promise<Float64Array> {
  const values = new Float64Array(rows).fill(Number.NaN);
  let after: number | null = null;
  for (;;) {
    const result = (await member.requestUntilDone('scan', {
      table,
      columns: ['id', 'value'],
      limit: rowsPerScan,
      ...(after === null ? {} : { gt: after }),
    })) as { rows: readonly { id: number; value: number }[] };
    for (const { id, value } of result.rows) {
      if (!(id >= 0 && id < rows)) {
        throw new BenchError({
          code: 'LOAD',
          message: `${member.memberId} has a row ${id} in ${table}, which nobody wrote`,
        });
      }
      values[id] = value;
    }
    if (result.rows.length < rowsPerScan) return values;
    after = result.rows.at(-1)!.id;
  }
}
