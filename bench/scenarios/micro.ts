/** Single-row updates by primary key, autocommit, uniform over the rows of one table. */
import { awaitAgreement, readAgreed } from '../agreement.ts';
import { BenchError } from '../bench-error.ts';
import type { MemberConnection } from '../member-connection.ts';
import { option, wholeNumber } from '../option-kinds.ts';
import type { Attempt, Scenario, ScenarioSetup, Workload } from '../scenario.ts';
import { eachRow, putRows } from '../table-rows.ts';
import { type AcknowledgedWrites, initialValue, judgeRows, lastWrites } from './micro-verification.ts';
import { SlotChances } from './slot-chances.ts';

const table = 'bench.micro';
const payload = 'a small row, as of one account..';

const options = {
  rows: option(wholeNumber(1, 100_000_000), 100_000, 'rows of the table'),
};

type MicroSetup = ScenarioSetup<typeof options>;

export const micro: Scenario<typeof options> = {
  name: 'micro',
  summary: 'single-row updates by primary key, autocommit, uniform over --rows rows',
  options,
  tables: [table],
  async setUp(group, { options }) {
    const member = group.members[0]!;
    await member.requestUntilDone('dropTable', { table, ifExists: true });
    await member.requestUntilDone('createTable', {
      table,
      primaryKey: ['id'],
      columns: { id: { type: 'integer' }, value: { type: 'integer' }, payload: { type: 'text' } },
    });
    const rowAt = (id: number) => ({ id, value: initialValue, payload });
    await putRows(member, { table, count: options.rows, rowAt }, group.progress);
    await awaitAgreement(group);
  },
  workload: (setup) => new MicroWorkload(setup),
  async verify(group, { options }, facts) {
    const members = await readAgreed(group, async (member) => ({ values: await readValues(member, options.rows) }));
    return judgeRows(lastWrites(facts as readonly AcknowledgedWrites[]), members);
  },
};

interface MicroTransaction {
  readonly kind: 'update';
  readonly row: number;
  readonly value: number;
}

class MicroWorkload implements Workload<MicroTransaction> {
  readonly #rows: number;
  readonly #slots: number;
  readonly #chances: SlotChances;
  readonly #sequenceNumbers: Float64Array;
  readonly #values: Float64Array;
  readonly #unknown: { row: number; value: number }[] = [];

  constructor({ options: { rows }, seed, slots }: MicroSetup) {
    this.#rows = rows;
    this.#slots = slots;
    this.#chances = new SlotChances(seed);
    this.#sequenceNumbers = new Float64Array(rows);
    this.#values = new Float64Array(rows);
  }

  draw(slot: number): MicroTransaction {
    const chance = this.#chances.of(slot);
    // No two writes set the same value.
    const value = initialValue + 1 + chance.drawn++ * this.#slots + slot;
    return { kind: 'update', row: chance.random.below(this.#rows), value };
  }

  *attempt({ row, value }: MicroTransaction): Attempt {
    // With an `id` from the beginning: its sender would have to make room for one.
    const results = yield [{ id: 0, op: 'update', table, key: row, set: { value } }];
    const { sequenceNumber, matched } = results[0] as Readonly<Record<string, unknown>>;
    if (matched !== 1) throw wrong(`an update of row ${row} matched ${matched} rows`);
    if (typeof sequenceNumber !== 'number') {
      throw wrong(`an acknowledged update has the sequence number ${sequenceNumber}`);
    }
    if (sequenceNumber > this.#sequenceNumbers[row]!) {
      this.#sequenceNumbers[row] = sequenceNumber;
      this.#values[row] = value;
    }
    return 'committed';
  }

  outcomeUnknown({ row, value }: MicroTransaction): void {
    this.#unknown.push({ row, value });
  }

  facts(): AcknowledgedWrites {
    return { sequenceNumbers: this.#sequenceNumbers, values: this.#values, unknown: this.#unknown };
  }
}

async function readValues(member: MemberConnection, rows: number): Promise<Float64Array> {
  const values = new Float64Array(rows).fill(Number.NaN);
  await eachRow<{ id: number; value: number }>(member, { table, columns: ['id', 'value'] }, ({ id, value }) => {
    if (!(id >= 0 && id < rows)) throw wrong(`${member.memberId} has a row ${id} in ${table}, which nobody wrote`);
    values[id] = value;
  });
  return values;
}

function wrong(message: string): BenchError {
  return new BenchError({ code: 'LOAD', message });
}
