/**
 * Follows the changes at one member, as a client would: goes on where it was after every end, takes nothing for a while
 * now and then. What it is told has to be the order, without a gap: every row before and after as the shadow database
 * has them, word for word as any other member tells it; and with one table, all of that table and nothing else.
 */
import { type CommitTime, formatCommitTime, isOfRow, logicalMax } from '../../certifier/index.ts';
import type { SeededRandom, SequenceNumber } from '../../gcs/base/index.ts';
import {
  decodeKey,
  decodeRow,
  type Engine,
  type ImageCodec,
  isBesideRows,
  type Member,
  RowLayout,
  shownKey,
  tableIdOf,
} from '../../node/engine/index.ts';
import type { SimulatedProcess, SimulatedWorld } from '../world/index.ts';
import type { Judge } from './judge.ts';
import type { ShadowDatabase } from './shadow-database.ts';

/** What all streams of a world have in common. */
export interface StreamObserverSetup {
  readonly world: SimulatedWorld;
  readonly judge: Judge;
  readonly shadow: ShadowDatabase;
  readonly codec: ImageCodec;
  readonly random: SeededRandom;
  /** How often it looks whether it is to subscribe, to stall or to go on. */
  readonly lookEveryUs: number;
  /** Events of all rows by sequence number, as they were told first. Shared. */
  readonly told: Map<SequenceNumber, string>;
  /** The rows that each sequence number changed; null: it changed the schema. Shared. */
  readonly expected: Map<SequenceNumber, readonly ExpectedRow[] | null>;
  readonly counts: StreamCounts;
}

export interface StreamCounts {
  changes: number;
  resumed: number;
  tooSlow: number;
  historyPurged: number;
}

export function zeroStreamCounts(): StreamCounts {
  return { changes: 0, resumed: 0, tooSlow: 0, historyPurged: 0 };
}

interface ExpectedRow {
  readonly table: string;
  /** Table, key, and the row before and after, as JSON. */
  readonly text: string;
}

interface Run {
  readonly process: SimulatedProcess;
  readonly member: Member;
  readonly connection: { receive(message: object): void; roomAgain(): void };
}

type Message = Readonly<Record<string, unknown>>;

export class StreamObserver {
  readonly #setup: StreamObserverSetup;
  readonly #host: string;
  readonly #table: string | null;
  /** Null: never subscribed. */
  #position: SequenceNumber | null = null;
  #run: Run | null = null;
  #isSubscribed = false;
  #hasRoom = true;
  #isAsked = false;
  /** The time that it asked to begin at; null: none. */
  #from: CommitTime | null = null;

  constructor(host: string, table: string | null, setup: StreamObserverSetup) {
    this.#host = host;
    this.#table = table;
    this.#setup = setup;
    this.#look();
  }

  /** Everything up to here was told, or is no more to be told. */
  get position(): SequenceNumber | null {
    return this.#position;
  }

  /** The member has started again. */
  started(process: SimulatedProcess, member: Member, engine: Engine): void {
    const isCurrent = (): boolean => this.#run === run;
    const connection = engine.openConnection(
      (message) => {
        if (isCurrent() && process.isAlive) this.#receive(message as Message);
      },
      () => this.#hasRoom,
    );
    const run: Run = { process, member, connection };
    this.#run = run;
    this.#isSubscribed = false;
    this.#isAsked = false;
  }

  /** Takes everything from now on. */
  takeAll(): void {
    this.#hasRoom = true;
    this.#inTurn(({ connection }) => connection.roomAgain());
  }

  #look(): void {
    const { world, random, lookEveryUs } = this.#setup;
    world.schedule(lookEveryUs + random.below(lookEveryUs), () => {
      this.#inTurn((run) => {
        if (this.#isSubscribed) this.#changeRoom(run);
        else this.#subscribe(run);
      });
      this.#look();
    });
  }

  #changeRoom({ connection }: Run): void {
    const { random } = this.#setup;
    if (!random.chance(this.#hasRoom ? 10 : 20)) return;
    this.#hasRoom = !this.#hasRoom;
    if (this.#hasRoom) connection.roomAgain();
  }

  #subscribe({ connection, member }: Run): void {
    if (member.state !== 'ONLINE' || this.#isAsked) return;
    this.#isAsked = true;
    const from = this.#drawFrom();
    const table = this.#table === null ? {} : { table: this.#table };
    connection.receive({ id: 1, op: 'subscribe', stream: 'changes', ...from, ...table, waitTimeoutMs: 1000 });
  }

  /** Where it was; and who begins, now or at the time of one of the last commits of anybody. */
  #drawFrom(): { readonly from?: SequenceNumber | string } {
    this.#from = null;
    if (this.#position !== null) return { from: this.#position };
    const { random, shadow } = this.#setup;
    const time = shadow.commitTimeAt(shadow.sequenceNumber - random.below(20));
    if (time === undefined || random.chance(30)) return {};
    this.#from = random.chance(50) ? time : { physicalMs: time.physicalMs, logical: logicalMax };
    const text = formatCommitTime(time);
    return { from: this.#from === time ? text : text.slice(0, text.lastIndexOf('.')) };
  }

  #inTurn(work: (run: Run) => void): void {
    const run = this.#run;
    if (run?.process.isAlive && !run.process.isPaused) run.process.turn(() => work(run));
  }

  #receive(message: Message): void {
    if ('ok' in message) return this.#answered(message);
    const { judge, counts } = this.#setup;
    judge.check(this.#isSubscribed, () => `${this.#who} sends ${message.event} to nobody`);
    switch (message.event) {
      case 'change':
      case 'schemaChange':
      case 'variableChange':
        return this.#changed(message);
      case 'progress':
        return this.#movedTo(message.upTo as number);
      case 'ended':
        this.#movedTo(message.resumeFrom as number);
        if (message.reason === 'tooSlow') counts.tooSlow++;
        this.#isSubscribed = false;
        return;
      default:
        return judge.fail(`${this.#who} sends the event ${message.event}`);
    }
  }

  #answered({ ok, result, error }: Message): void {
    const { judge, counts } = this.#setup;
    this.#isAsked = false;
    if (ok === true) {
      const { sequenceNumber } = result as { sequenceNumber: number };
      if (this.#from !== null) {
        this.#setup.shadow.answeredAsOf(this.#from, sequenceNumber);
        this.#setup.world.coverage.add('a stream begins at a time');
      }
      if (this.#position === null) this.#position = sequenceNumber;
      else counts.resumed++;
      judge.check(sequenceNumber === this.#position, () => `${this.#who} begins behind ${sequenceNumber}`);
      this.#isSubscribed = true;
      return;
    }
    const { code, oldest } = error as { code: string; oldest?: number };
    if (code !== 'HISTORY_PURGED') return;
    // Where its time is not known, the oldest that is held cannot be told from the one before.
    const asked = this.#from === null ? this.#position! : this.#setup.shadow.sequenceNumberAsOf(this.#from) - 1;
    judge.check(oldest! > asked, () => `${this.#who} has purged ${asked} and not ${oldest}`);
    counts.historyPurged++;
    this.#position = null;
  }

  #changed(event: Message): void {
    const { judge, shadow, told, counts } = this.#setup;
    const { subscription: _subscription, ...facts } = event;
    const sequenceNumber = event.sequenceNumber as number;
    const { rows } = facts;
    judge.check(
      sequenceNumber <= shadow.sequenceNumber,
      () => `${this.#who} tells ${sequenceNumber} before it is ordered`,
    );
    this.#movedTo(sequenceNumber - 1);
    this.#position = sequenceNumber;
    counts.changes++;
    const expected = this.#expectedAt(sequenceNumber);
    const rowsText = JSON.stringify(rows ?? null);
    const expectedText = textOf(expected);
    if (rowsText !== expectedText) {
      judge.fail(`${this.#who} tells ${shown(rowsText)} of ${sequenceNumber}, not ${shown(expectedText)}`);
    }
    if (this.#table !== null) return;
    // The rows are those of the shadow database.
    const text = JSON.stringify({ ...facts, rows: rows === undefined ? 0 : 1 });
    const before = told.get(sequenceNumber);
    if (before === undefined) told.set(sequenceNumber, text);
    else if (before !== text) judge.fail(`${this.#who} tells ${text}, and another one told ${before}`);
  }

  /** Nothing that was asked for lies between. */
  #movedTo(upTo: SequenceNumber): void {
    const { judge } = this.#setup;
    judge.check(upTo >= this.#position!, () => `${this.#who} goes back from ${this.#position} to ${upTo}`);
    for (let missed = this.#position! + 1; missed <= upTo; missed++) {
      judge.check(!this.#isWanted(missed), () => `${this.#who} leaves out ${missed} behind ${this.#position}`);
    }
    this.#position = upTo;
  }

  #isWanted(sequenceNumber: SequenceNumber): boolean {
    if (this.#table === null) return true;
    const certified = this.#setup.shadow.certifiedAt(sequenceNumber);
    if (certified?.kind === 'schema-change') {
      if (certified.change.kind === 'set-variable') return false;
      const { name, nameAfter } = certified.judged!;
      return name === this.#table || nameAfter === this.#table;
    }
    return this.#expectedAt(sequenceNumber)!.length > 0;
  }

  /** The rows to be told, or null for a schema change. */
  #expectedAt(sequenceNumber: SequenceNumber): readonly ExpectedRow[] | null {
    const { expected } = this.#setup;
    let rows = expected.get(sequenceNumber);
    if (rows === undefined) {
      rows = this.#changedRowsAt(sequenceNumber);
      expected.set(sequenceNumber, rows);
    }
    return rows === null || this.#table === null ? rows : rows.filter(({ table }) => table === this.#table);
  }

  #changedRowsAt(sequenceNumber: SequenceNumber): readonly ExpectedRow[] | null {
    const { shadow, codec } = this.#setup;
    const certified = shadow.certifiedAt(sequenceNumber)!;
    if (certified.kind === 'schema-change') return null;
    if (certified.kind === 'key-fence') return [];
    const rows: ExpectedRow[] = [];
    for (const { key, kind } of certified.transaction.writeSet) {
      if (!isOfRow(kind) || isBesideRows(key)) continue;
      const table = shadow.tableById(tableIdOf(key), sequenceNumber)!;
      const layout = new RowLayout(table);
      const rowAt = (at: SequenceNumber) => {
        const image = shadow.imageAt(key, at);
        return image === null ? null : decodeRow(image, layout, codec);
      };
      const decoded = decodeKey(key, null);
      const shown = decoded.kind === 'row' ? shownKey(decoded.values) : null;
      const row = { table: table.name, key: shown, before: rowAt(sequenceNumber - 1), after: rowAt(sequenceNumber) };
      rows.push({ table: table.name, text: JSON.stringify(row) });
    }
    return rows;
  }

  get #who(): string {
    return `the stream of ${this.#table ?? 'all tables'} at ${this.#host}`;
  }
}

function textOf(rows: readonly ExpectedRow[] | null): string {
  return rows === null ? 'null' : `[${rows.map((row) => row.text).join()}]`;
}

/** Without the padding that makes rows large. */
function shown(text: string): string {
  return text.replaceAll(/\.{3,}/g, '...');
}
