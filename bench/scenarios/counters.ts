/** Increments of few hot rows, autocommit, uniform over the rows of one table. */
import { awaitAgreement, readAgreed } from '../agreement.ts';
import { BenchError } from '../bench-error.ts';
import type { MemberConnection } from '../member-connection.ts';
import { option, wholeNumber } from '../option-kinds.ts';
import type { Attempt, Scenario, ScenarioSetup, Workload } from '../scenario.ts';
import { eachRow, putRows } from '../table-rows.ts';
import { type CounterFacts, judgeCounters, noCounts } from './counters-verification.ts';
import { SlotChances } from './slot-chances.ts';

const table = 'bench.counters';

const options = {
  rows: option(wholeNumber(1, 1_000_000), 100, 'counters'),
};

type CountersSetup = ScenarioSetup<typeof options>;

export const counters: Scenario<typeof options> = {
  name: 'counters',
  summary: 'increments by primary key, autocommit, uniform over --rows hot rows',
  options,
  tables: [table],
  async setUp(group, { options }) {
    const member = group.members[0]!;
    await member.requestUntilDone('dropTable', { table, ifExists: true });
    await member.requestUntilDone('createTable', {
      table,
      primaryKey: ['id'],
      columns: { id: { type: 'integer' }, count: { type: 'integer' } },
    });
    await putRows(member, { table, count: options.rows, rowAt: (id) => ({ id, count: 0 }) }, group.progress);
    await awaitAgreement(group);
  },
  workload: (setup) => new CountersWorkload(setup),
  async verify(group, { options }, facts) {
    const members = await readAgreed(group, async (member) => ({ counts: await readCounts(member, options.rows) }));
    return judgeCounters(facts as readonly CounterFacts[], members);
  },
};

interface CountersTransaction {
  readonly kind: 'increment';
  readonly row: number;
}

class CountersWorkload implements Workload<CountersTransaction> {
  readonly #chances: SlotChances;
  readonly #rows: number;
  readonly #facts: CounterFacts;

  constructor({ options: { rows }, seed }: CountersSetup) {
    this.#chances = new SlotChances(seed);
    this.#rows = rows;
    this.#facts = noCounts(rows);
  }

  draw(slot: number): CountersTransaction {
    return { kind: 'increment', row: this.#chances.of(slot).random.below(this.#rows) };
  }

  *attempt({ row }: CountersTransaction): Attempt {
    const results = yield [{ id: 0, op: 'increment', table, key: row, column: 'count', by: 1 }];
    const { increments } = results[0] as { readonly increments?: readonly { readonly value: unknown }[] };
    const value = increments?.[0]?.value;
    if (typeof value !== 'number') throw wrong(`an acknowledged increment came to ${String(value)}`);
    const { acknowledged, valuesSum, highest } = this.#facts;
    acknowledged[row]!++;
    valuesSum[row]! += value;
    if (value > highest[row]!) highest[row] = value;
    return 'committed';
  }

  outcomeUnknown({ row }: CountersTransaction): void {
    this.#facts.unknown[row]!++;
  }

  facts(): CounterFacts {
    return this.#facts;
  }
}

async function readCounts(member: MemberConnection, rows: number): Promise<Float64Array> {
  const counts = new Float64Array(rows).fill(Number.NaN);
  await eachRow<{ id: number; count: number }>(member, { table }, ({ id, count }) => {
    if (!(id >= 0 && id < rows)) throw wrong(`${member.memberId} has a row ${id} in ${table}, which nobody wrote`);
    counts[id] = count;
  });
  return counts;
}

function wrong(message: string): BenchError {
  return new BenchError({ code: 'LOAD', message });
}
