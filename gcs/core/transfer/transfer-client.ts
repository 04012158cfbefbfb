/**
 * The receiver's side of transfer connections. It is connected to all members, shows itself to each of them (so that it
 * is not expelled for its silence in the order), and asks one after another for what it lacks, in random order and the
 * leader last, since that one has most to do. What one sent in part is worth nothing with another's state; entries are
 * the same everywhere, so that the next one goes on where the last one ended.
 */
import { assert, type LogIndex, type MemberId, type ScheduledCall } from '../../base/index.ts';
import { type DialledLink, Dialler } from '../group/dialler.ts';
import { type Answer, encodeFrame, type Frame, GROUP_PROTOCOL_VERSION, type Introduction } from '../group/handshake.ts';
import { Roster } from '../group/roster.ts';
import type { GroupView, LogEntry } from '../types.ts';
import type { EntriesOutcome, StateOutcome, TransferClientSetup, TransferReceiver, TransferSink } from './contract.ts';
import { EntryStream } from './entry-stream.ts';
import type { Unavailable } from './frames.ts';

/** What is wanted, until it is there. */
interface Task {
  /** Of an attempt. Null: there is nothing left to ask for. */
  ask(request: number): Frame | null;
  begin(donor: MemberId): TransferSink;
  done(outcome: EntriesOutcome): void;
}

/** One member is sending. */
interface Attempt {
  readonly task: Task;
  readonly link: DialledLink;
  readonly request: number;
  /** Null until it sends something. */
  sink: TransferSink | null;
  readonly donor: MemberId;
  readonly waiting: Uint8Array[];
  received: number;
  taken: number;
  isTaking: boolean;
  /** All there is. Null: more comes. */
  chunks: number | null;
  heardMs: number;
  abortedFor: string | null;
}

export class TransferClient implements TransferReceiver {
  readonly #setup: TransferClientSetup;
  readonly #roster: Roster;
  readonly #dialler: Dialler;
  #task: Task | null = null;
  #attempt: Attempt | null = null;
  /** Over, but its sink still takes a chunk. */
  #drains: Attempt | null = null;
  /** Asked in this round, by group address, and what they said. */
  readonly #asked = new Map<string, Unavailable>();
  #requests = 0;
  #timer: ScheduledCall | null = null;
  /** Dialled in vain since there last was a connection, by group address. */
  readonly #unreachable = new Set<string>();
  /** Everybody said that they cannot give what is asked for. */
  #isLastResort = false;
  #isStopped = false;

  constructor(setup: TransferClientSetup) {
    this.#setup = setup;
    const { belonging, view, groupAddress, environment, options } = setup;
    this.#roster = new Roster({ belonging, chosen: belonging.view, groupAddress });
    this.#roster.setAppended(view);
    this.#dialler = new Dialler({
      environment,
      redialMinMs: Math.max(1, Math.floor(options.retryMs / 4)),
      redialMaxMs: options.retryMs * 4,
      // It sends nothing but small answers.
      bufferBytesMax: options.chunkBytes,
      hello: () => ({ kind: 'hello', introduction: this.#introduction(), purpose: 'transfer' }),
      answered: (link, answer) => this.#answered(link, answer),
      received: (link, frame) => this.#received(link, frame),
      closed: (link, wasReady) => {
        if (wasReady === null) this.#unreachable.add(link.address);
        if (this.#attempt?.link === link) this.#abort('the connection was closed');
      },
    });
  }

  open(): void {
    this.#dialler.want(this.#roster.addresses());
    this.#schedule();
  }

  receiveState(
    atLeast: LogIndex,
    begin: (donor: MemberId) => TransferSink,
    done: (outcome: StateOutcome) => void,
  ): void {
    this.#start({
      ask: (request) => ({ kind: 'ask-state', request, atLeast: this.#isLastResort ? 0 : atLeast }),
      begin,
      done: (outcome) => {
        assert(outcome.kind !== 'not-kept', 'only entries are not kept');
        done(outcome);
      },
    });
  }

  receiveEntries(
    range: { readonly from: LogIndex; readonly upTo: LogIndex },
    take: (entry: LogEntry, done: (error: Error | null) => void) => void,
    done: (outcome: EntriesOutcome) => void,
  ): void {
    let next = range.from;
    const task: Task = {
      ask: (request) => (next > range.upTo ? null : { kind: 'ask-entries', request, from: next, upTo: range.upTo }),
      begin: () => {
        const stream = new EntryStream(next);
        return {
          take: (chunk, taken) => {
            const entries = stream.take(chunk);
            if (entries === null) return taken(new WrongBytes('the entries cannot be read'));
            takeEach(
              entries,
              take,
              (entry, error) => {
                if (error === null) next = entry.index + 1;
              },
              taken,
            );
          },
          aborted: () => {},
        };
      },
      done: (outcome) => {
        // A donor that ends too early has not kept its word: the others are asked for the rest.
        if (outcome.kind === 'received' && next <= range.upTo) this.#start(task);
        else done(outcome);
      },
    };
    this.#start(task);
  }

  stop(): void {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#dialler.stop();
    this.#task = null;
    this.#attempt = null;
    this.#drains = null;
  }

  #start(task: Task): void {
    assert(this.#attempt === null, 'one thing at a time is received');
    if (this.#isStopped) return;
    this.#task = task;
    this.#asked.clear();
    this.#isLastResort = false;
    this.#askNext();
  }

  #schedule(): void {
    this.#timer = this.#setup.environment.clock.schedule(this.#setup.options.retryMs, () => {
      if (this.#isStopped) return;
      const present = encodeFrame({ kind: 'present', isBusy: true });
      for (const ordinal of [...this.#dialler.readyOrdinals]) this.#dialler.sendTo(ordinal, present.slice());
      this.#closeSilent();
      this.#askNext({ isRetry: true });
      if (!this.#isStopped) this.#schedule();
    });
  }

  /** Who is dialled or shown signs of life and gives none is not there any more, whatever the connection says. */
  #closeSilent(): void {
    const { silenceMs } = this.#setup.options;
    this.#dialler.closeSilent(silenceMs);
    const limitMs = this.#now() - silenceMs;
    const attempt = this.#attempt;
    // It answers, but not what it was asked for. What we have not taken yet is not its fault.
    if (attempt !== null && attempt.heardMs < limitMs && attempt.waiting.length === 0 && !attempt.isTaking) {
      attempt.link.connection?.close('the donor sends nothing');
    }
  }

  // Connections

  #answered(link: DialledLink, { introduction, refused, isExpelled, view }: Answer): void {
    const isOfGroup = introduction.groupId === this.#roster.belonging.definition.groupId;
    if (refused !== null || !isOfGroup) {
      this.#setup.events.refusedPeer(link.address, refused ?? 'it does not belong to this group');
      link.connection?.close('refused');
      return;
    }
    if (view !== null) this.#learn(view, isExpelled);
    // What was learnt may have ended this, or the wish for this connection.
    if (this.#isStopped || link.connection === null) return;
    const standing = this.#roster.standing(introduction);
    if (standing === 'over' || standing === 'another') return link.connection?.close('it is no member any more');
    this.#dialler.makeReady(link, introduction.ordinal!);
    this.#unreachable.delete(link.address);
    // It may have what nobody else has.
    this.#isLastResort = false;
    this.#dialler.send(link, encodeFrame({ kind: 'present', isBusy: true }));
    this.#askNext();
  }

  #learn(view: GroupView, isExpelled: boolean): void {
    if (!this.#roster.learnChosen(view)) return;
    if (isExpelled || this.#roster.isOver) {
      this.stop();
      return this.#setup.events.expelled(view);
    }
    this.#dialler.want(this.#roster.addresses());
  }

  #received(link: DialledLink, frame: Exclude<Frame, Answer>): void {
    if (frame.kind === 'present') return;
    if (frame.kind === 'expelled') {
      return this.#learn(frame.view, false);
    }
    if (frame.kind === 'view') return this.#learn(frame.view, false);
    if (frame.kind !== 'chunk' && frame.kind !== 'end' && frame.kind !== 'unavailable') {
      return link.connection?.close(`unexpected ${frame.kind}`);
    }
    const attempt = this.#attempt;
    if (attempt === null || attempt.link !== link || attempt.request !== frame.request) return;
    attempt.heardMs = this.#now();
    if (frame.kind === 'unavailable') {
      this.#asked.set(link.address, frame.why);
      this.#abort(`the donor says: ${frame.why}`);
    } else if (frame.kind === 'end') {
      if (frame.chunks !== attempt.received) return link.connection?.close('chunks are missing');
      attempt.chunks = frame.chunks;
      this.#takeNext(attempt);
    } else {
      const { windowChunks } = this.#setup.options;
      if (frame.number !== attempt.received + 1 || frame.number - attempt.taken > windowChunks) {
        return link.connection?.close('a chunk out of its turn');
      }
      attempt.received++;
      attempt.waiting.push(frame.bytes);
      this.#takeNext(attempt);
    }
  }

  // Attempts

  #askNext({ isRetry = false } = {}): void {
    const task = this.#task;
    if (task === null || this.#attempt !== null || this.#drains !== null || this.#isStopped) return;
    const request = this.#requests + 1;
    const ask = task.ask(request);
    if (ask === null) {
      // The donor that sent the last of it went away before it said so.
      this.#task = null;
      return task.done({ kind: 'received' });
    }
    const ready = [...this.#dialler.readyOrdinals].map((ordinal) => this.#dialler.linkTo(ordinal)!);
    const left = ready.filter((link) => !this.#asked.has(link.address));
    if (left.length === 0) return this.#roundIsOver(task, isRetry);
    const followers = left.filter((link) => !link.answer!.introduction.isLeader);
    // A follower may still answer; the next retry waits for none.
    if (followers.length === 0 && !isRetry && this.#isDialling) return;
    const from = followers.length > 0 ? followers : left;
    const link = from[this.#setup.environment.random.below(from.length)]!;
    this.#requests = request;
    // Whatever comes of it: it is asked again in the next round only.
    this.#asked.set(link.address, 'failed');
    this.#attempt = {
      task,
      link,
      request,
      sink: null,
      donor: link.answer!.introduction.memberId,
      waiting: [],
      received: 0,
      taken: 0,
      isTaking: false,
      chunks: null,
      heardMs: this.#now(),
      abortedFor: null,
    };
    this.#dialler.send(link, encodeFrame(ask));
  }

  /** The next round begins with the next retry, unless all that can be asked agree that it is of no use. */
  #roundIsOver(task: Task, isRetry: boolean): void {
    const reasons = [...this.#asked.values()];
    // One that was not reached yet may say otherwise. It may take long to be found unreachable.
    const isComplete = this.#isEverybodyTried;
    if (isComplete || isRetry) this.#asked.clear();
    if (!isComplete) return;
    // It votes again with what there is; maybe that is what the others wait for.
    this.#isLastResort = reasons.length > 0 && reasons.every((why) => why === 'not-ready');
    // Who lost something itself cannot tell what the group keeps, but takes nothing back from who can.
    if (!reasons.includes('not-kept') || reasons.some((why) => why !== 'not-kept' && why !== 'lacking')) return;
    this.#task = null;
    task.done({ kind: 'not-kept' });
  }

  /** Who is not connected was dialled in vain, and not just lost from sight. */
  get #isEverybodyTried(): boolean {
    for (const { ordinal, address } of this.#dialler.links) {
      if (ordinal === null && !this.#unreachable.has(address)) return false;
    }
    return true;
  }

  get #isDialling(): boolean {
    for (const link of this.#dialler.links) if (link.ordinal === null && link.redial === null) return true;
    return false;
  }

  #takeNext(attempt: Attempt): void {
    if (this.#attempt !== attempt || attempt.isTaking) return;
    attempt.sink ??= attempt.task.begin(attempt.donor);
    const chunk = attempt.waiting.shift();
    if (chunk === undefined) {
      if (attempt.chunks === attempt.taken) this.#completed(attempt);
      return;
    }
    attempt.isTaking = true;
    attempt.sink.take(chunk, (error) => {
      attempt.isTaking = false;
      if (this.#isStopped) return;
      if (this.#drains === attempt) return this.#drained(attempt, error);
      if (this.#attempt !== attempt) return;
      if (error instanceof WrongBytes) return attempt.link.connection?.close(error.message);
      if (error !== null) return this.#failed(attempt, error);
      attempt.taken++;
      attempt.heardMs = this.#now();
      const { request, taken: number } = attempt;
      this.#dialler.send(attempt.link, encodeFrame({ kind: 'acknowledge', request, number }));
      this.#takeNext(attempt);
    });
  }

  #completed(attempt: Attempt): void {
    this.#attempt = null;
    this.#task = null;
    attempt.task.done({ kind: 'received' });
  }

  #failed(attempt: Attempt, error: Error): void {
    this.#attempt = null;
    this.#task = null;
    this.#dialler.send(attempt.link, encodeFrame({ kind: 'cancel', request: attempt.request }));
    attempt.task.done({ kind: 'failed', error });
  }

  #abort(reason: string): void {
    const attempt = this.#attempt!;
    this.#attempt = null;
    attempt.abortedFor = reason;
    if (attempt.isTaking) {
      // The sink gets one thing at a time.
      this.#drains = attempt;
      return;
    }
    attempt.sink?.aborted(reason);
    this.#askNext();
  }

  #drained(attempt: Attempt, error: Error | null): void {
    this.#drains = null;
    if (error !== null && !(error instanceof WrongBytes)) return this.#failed(attempt, error);
    attempt.sink?.aborted(attempt.abortedFor ?? '');
    this.#askNext();
  }

  #now(): number {
    return this.#setup.environment.clock.monotonicMs();
  }

  #introduction(): Introduction {
    const { memberId, incarnation, groupAddress, host, port, messageBytesMax } = this.#setup;
    const { definition, self } = this.#roster.belonging;
    return {
      protocolVersion: GROUP_PROTOCOL_VERSION,
      memberId,
      incarnation,
      groupId: definition.groupId,
      ordinal: self,
      viewNumber: this.#roster.chosen.number,
      isLeader: false,
      messageBytesMax,
      formation: null,
      groupAddress,
      host,
      port,
    };
  }
}

/** The donor's fault, not this member's. */
class WrongBytes extends Error {
  override readonly name = 'WrongBytes';
}

/** One after the other; `taken` when all are, or with the first error. */
function takeEach(
  entries: readonly LogEntry[],
  take: (entry: LogEntry, done: (error: Error | null) => void) => void,
  each: (entry: LogEntry, error: Error | null) => void,
  taken: (error: Error | null) => void,
): void {
  let at = 0;
  const next = (): void => {
    const entry = entries[at++];
    if (entry === undefined) return taken(null);
    take(entry, (error) => {
      each(entry, error);
      if (error !== null) taken(error);
      else next();
    });
  };
  next();
}
