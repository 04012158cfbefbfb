/**
 * The transactions of `micro`, and beside them one writer that puts every row of a table of large ones in one
 * transaction, every few seconds, in every second window of time. What the small ones take is told apart by whether a
 * large one is under way, was shortly before (what it leaves behind is written yet), or long ago: so all figures come
 * from one run.
 */
import { SeededRandom } from '../../gcs/base/index.ts';
import { awaitAgreement, readAgreed } from '../agreement.ts';
import { BenchError } from '../bench-error.ts';
import { decimalNumber, option, wholeNumber } from '../option-kinds.ts';
import {
  type Attempt,
  type LoadRequest,
  type LoadTransaction,
  requestsPerRoundMax,
  type Scenario,
  type ScenarioSetup,
  type Workload,
} from '../scenario.ts';
import { eachRow, putRows } from '../table-rows.ts';
import { judgeLargeRows, type LargeWrites } from './large-verification.ts';
import { micro } from './micro.ts';

const table = 'bench.large';
/** Rows of one frame: its member works on them in one turn. */
const frameBytes = 256 * 1024;

const options = {
  ...micro.options,
  bytes: option(wholeNumber(1024, 100_000_000), 64 * 1024 * 1024, 'bytes that one large transaction writes'),
  rowBytes: option(wholeNumber(64, 256 * 1024), 64 * 1024, 'bytes of each of its rows'),
  every: option(decimalNumber(0, 3600, 'SECONDS'), 10, 'seconds from the beginning of a large transaction to the next'),
  window: option(decimalNumber(0.1, 3600, 'SECONDS'), 20, 'seconds without large transactions, then as many with them'),
  settle: option(
    decimalNumber(0, 3600, 'SECONDS'),
    5,
    'seconds after a large transaction that do not count as without',
  ),
};

type LargeSetup = ScenarioSetup<typeof options>;

export const large: Scenario<typeof options> = {
  name: 'large',
  summary: 'micro, and every few seconds one transaction of --bytes beside it',
  options,
  tables: [...micro.tables, table],
  compares: [
    ['small beside large', 'small alone'],
    ['small after large', 'small alone'],
  ],
  async setUp(group, setup) {
    await micro.setUp(group, setup);
    const member = group.members[0]!;
    await member.requestUntilDone('dropTable', { table, ifExists: true });
    await member.requestUntilDone('createTable', {
      table,
      primaryKey: ['id'],
      columns: { id: { type: 'integer' }, value: { type: 'integer' }, payload: { type: 'text' } },
    });
    const text = textOf(setup);
    const count = rowsOf(setup);
    await putRows(member, { table, count, rowAt: (id) => rowOf(setup, text, { id, value: 0 }) }, group.progress);
    await awaitAgreement(group);
  },
  workload: (setup) => new LargeWorkload(setup),
  async verify(group, setup, facts) {
    const parts = facts as readonly LargeFacts[];
    const ofSmall = await micro.verify(
      group,
      setup,
      parts.map(({ small }) => small),
    );
    const members = await readAgreed(group, async (member) => {
      const values = new Map<number, number>();
      let rows = 0;
      await eachRow<{ id: number; value: number }>(
        member,
        { table, columns: ['id', 'value'], rowBytes: setup.options.rowBytes },
        ({ value }) => {
          rows++;
          values.set(value, (values.get(value) ?? 0) + 1);
        },
      );
      return { rows, values };
    });
    const ofLarge = judgeLargeRows(
      parts.map(({ large }) => large),
      members,
      rowsOf(setup),
    );
    return {
      verified: ofSmall.verified && ofLarge.verified,
      problems: [...ofSmall.problems, ...ofLarge.problems],
    };
  },
};

interface LargeFacts {
  readonly small: unknown;
  readonly large: LargeWrites;
}

type SmallKind = 'small alone' | 'small beside large' | 'small after large';

type LargeTransaction =
  | { readonly kind: SmallKind; readonly small: LoadTransaction }
  | { readonly kind: 'large'; readonly value: number };

export class LargeWorkload implements Workload<LargeTransaction> {
  readonly #setup: LargeSetup;
  readonly #small: Workload;
  readonly #text: string;
  readonly #nowMs: () => number;
  #nextMs = 0;
  /** Of the last large transaction. Null: it is under way. */
  #endedMs: number | null = Number.NEGATIVE_INFINITY;
  /** The first place belongs to this load generator; others know the windows only. */
  #isFirst = false;
  #value = 0;
  readonly #writes: { sequenceNumber: number; value: number; readonly unknown: number[] };

  /** `nowMs`: time of day, so that all load generators have the same windows. */
  constructor(setup: LargeSetup, nowMs: () => number = Date.now) {
    this.#setup = setup;
    this.#small = micro.workload(setup);
    this.#text = textOf(setup);
    this.#nowMs = nowMs;
    this.#writes = { sequenceNumber: 0, value: 0, unknown: [] };
  }

  draw(slot: number): LargeTransaction {
    const { every, window } = this.#setup.options;
    const nowMs = this.#nowMs();
    const isInWindow = Math.floor(nowMs / (window * 1000)) % 2 === 1;
    if (slot === 0) {
      this.#isFirst = true;
      this.#endedMs ??= nowMs;
      if (isInWindow && nowMs >= this.#nextMs) {
        this.#endedMs = null;
        this.#nextMs = nowMs + every * 1000;
        return { kind: 'large', value: ++this.#value };
      }
    }
    return { kind: this.#kindAt(nowMs, isInWindow), small: this.#small.draw(slot) };
  }

  #kindAt(nowMs: number, isInWindow: boolean): SmallKind {
    const { settle, window } = this.#setup.options;
    if (this.#isFirst ? this.#endedMs === null : isInWindow) return 'small beside large';
    const endedMs = this.#isFirst ? this.#endedMs! : Math.floor(nowMs / (window * 1000)) * window * 1000;
    return nowMs - endedMs < settle * 1000 ? 'small after large' : 'small alone';
  }

  *attempt(transaction: LargeTransaction): Attempt {
    if (transaction.kind !== 'large') return yield* this.#small.attempt(transaction.small);
    const { value } = transaction;
    const tx = `large ${value}`;
    yield [{ id: 0, op: 'begin', tx }];
    const { rowBytes } = this.#setup.options;
    const rows = rowsOf(this.#setup);
    const perRound = Math.max(1, Math.min(requestsPerRoundMax, Math.floor(frameBytes / rowBytes)));
    for (let from = 0; from < rows; from += perRound) {
      const round: LoadRequest[] = [];
      for (let id = from; id < Math.min(rows, from + perRound); id++) {
        round.push({ id: 0, op: 'put', tx, table, row: rowOf(this.#setup, this.#text, { id, value }) });
      }
      yield round;
    }
    const [result] = yield [{ id: 0, op: 'commit', tx }];
    const { sequenceNumber } = result as Readonly<Record<string, unknown>>;
    if (typeof sequenceNumber !== 'number') {
      throw new BenchError({ code: 'LOAD', message: `a large transaction has the sequence number ${sequenceNumber}` });
    }
    Object.assign(this.#writes, { sequenceNumber, value });
    this.#endedMs = this.#nowMs();
    return 'committed';
  }

  outcomeUnknown(transaction: LargeTransaction): void {
    if (transaction.kind === 'large') {
      this.#writes.unknown.push(transaction.value);
      this.#endedMs ??= this.#nowMs();
    } else this.#small.outcomeUnknown(transaction.small);
  }

  facts(): LargeFacts {
    return { small: this.#small.facts(), large: this.#writes };
  }
}

function rowsOf({ options: { bytes, rowBytes } }: LargeSetup): number {
  return Math.ceil(bytes / rowBytes);
}

/** Text that hardly compresses, for the payloads of all rows. */
function textOf({ seed, options: { rowBytes } }: LargeSetup): string {
  const random = new SeededRandom(seed).split('large rows');
  const characters = Array.from({ length: 1024 * 1024 + rowBytes }, () => 0x30 + random.below(64));
  const decoder = new TextDecoder();
  return decoder.decode(Uint8Array.from(characters));
}

function rowOf({ options: { rowBytes } }: LargeSetup, text: string, row: { id: number; value: number }): object {
  const from = (row.id * rowBytes) % (1024 * 1024);
  return { ...row, payload: text.slice(from, from + rowBytes) };
}
