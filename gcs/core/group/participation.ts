/**
 * A member's part in the order, from `start` on: drives the consensus core over the log, cuts what it broadcasts into
 * parts, and puts together what is delivered.
 *
 * Inputs are taken in their order; one that arises inside a step waits for its end. What peers and the disk say waits
 * for the end of the turn, so that what arrives together is answered together.
 */
import type { Clock, Incarnation, LogIndex, MemberOrdinal, Random } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import {
  Consensus,
  type ConsensusInput,
  type ConsensusOptions,
  type Effects,
  isMergeable,
} from '../consensus/consensus.ts';
import type { PeerMessage } from '../consensus/peer-message.ts';
import { DamagedRecord } from '../log/contract.ts';
import type { SegmentLog } from '../log/segment-log.ts';
import {
  type Assembler,
  type Compression,
  Fragmenter,
  type FragmenterOptions,
  primedAssembler,
} from '../messages/index.ts';
import type { Delivery, GroupView, LogEntry } from '../types.ts';

export interface ParticipationSetup {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: SegmentLog;
  readonly compression: Compression;
  readonly options: FragmenterOptions & { readonly consensus: ConsensusOptions; readonly sealAfterMs: number };
  readonly self: MemberOrdinal;
  readonly incarnation: Incarnation;
  readonly foundingView: GroupView;
  /** Known to be chosen, and replayed by the owner. */
  readonly chosenUpTo: LogIndex;
  readonly events: ParticipationEvents;
}

export interface ParticipationEvents {
  send(to: MemberOrdinal, message: PeerMessage): void;
  growing(payload: Uint8Array, taken: number): void;
  delivered(delivery: Delivery): void;
  viewChanged(view: GroupView, index: LogIndex): void;
  /** Inputs were taken: whatever consensus says about itself may have changed. */
  stepped(): void;
}

export class Participation {
  readonly consensus: Consensus;
  readonly #setup: ParticipationSetup;
  readonly #fragmenter: Fragmenter;
  readonly #assembler: Assembler;
  readonly #inputs: ConsensusInput[] = [];
  readonly #reads = new Map<number, (index: LogIndex | null) => void>();
  #lastRead = 0;
  #isStepping = false;
  #isTakingScheduled = false;
  #isProposing = false;
  #isResting = false;
  #lastPersistMs = 0;
  #isOver = false;

  constructor(setup: ParticipationSetup) {
    const { clock, log, compression, options, chosenUpTo } = setup;
    this.#setup = setup;
    this.#fragmenter = new Fragmenter({ options, compression });
    this.#assembler = primedAssembler(log, chosenUpTo, { compression, messageBytesMax: options.messageBytesMax });
    this.consensus = new Consensus({
      self: setup.self,
      foundingView: setup.foundingView,
      options: options.consensus,
      restored: {
        hardState: log.hardState,
        chosenUpTo,
        deliveredUpTo: chosenUpTo,
        lastMessages: log.lastMessagesAt(chosenUpTo),
      },
      reader: log,
      random: setup.random,
      now: { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() },
    });
  }

  step(input: ConsensusInput): void {
    if (this.#isOver) return;
    this.#inputs.push(input);
    if (!isOfTurn(input)) return this.#takeInputs();
    if (this.#isTakingScheduled) return;
    this.#isTakingScheduled = true;
    this.#setup.clock.schedule(0, () => {
      this.#isTakingScheduled = false;
      this.#takeInputs();
    });
  }

  canBroadcast(): boolean {
    return !this.#isOver && this.#setup.log.hasRoom && this.consensus.canPropose();
  }

  /** The ticket. */
  broadcast(payload: Uint8Array): number {
    assert(this.canBroadcast(), 'broadcast only where there is room');
    const ticket = this.#fragmenter.add(payload);
    this.#propose();
    return ticket;
  }

  readIndex(done: (index: LogIndex | null) => void): void {
    const ticket = readTicket(this.#setup.incarnation, ++this.#lastRead);
    this.#reads.set(ticket, done);
    this.step({ kind: 'read-index', ticket });
  }

  /** Now and then: seals the log when it has been idle, so that its last block, of an earlier run perhaps, can be told from a torn one. */
  sealIfIdle(): void {
    const { clock, log, options } = this.#setup;
    if (!log.isSealed && clock.monotonicMs() - this.#lastPersistMs >= options.sealAfterMs) log.seal();
  }

  /** Nothing is told any more, but the end of what was asked. */
  end(): void {
    this.#isOver = true;
    const reads = [...this.#reads.values()];
    this.#reads.clear();
    for (const done of reads) done(null);
  }

  #takeInputs(): void {
    if (this.#isStepping || this.#isOver) return;
    this.#isStepping = true;
    try {
      this.#takeAll();
    } catch (error) {
      // The log tells the owner, who ends this run: the next one begins with the log's repair.
      if (!(error instanceof DamagedRecord)) throw error;
      this.#isOver = true;
    }
    this.#isStepping = false;
    if (this.#isOver) return;
    this.#propose();
    this.#setup.events.stepped();
  }

  #takeAll(): void {
    const { consensus } = this;
    const { clock } = this.#setup;
    while (this.#inputs.length > 0 && !this.#isOver) {
      const count = mergeableCount(this.#inputs);
      const inputs = this.#inputs.splice(0, Math.max(1, count));
      const [first] = inputs;
      // It was decided before another change was.
      if (first!.kind === 'change-view' && !isNext(first!.view, consensus)) continue;
      const now = { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
      this.#do(count > 1 ? consensus.stepAll(inputs, now) : consensus.step(first!, now));
    }
  }

  #do(effects: Effects): void {
    const { clock, log, events } = this.#setup;
    for (const request of effects.persist) {
      this.#lastPersistMs = clock.monotonicMs();
      log.persist(request);
    }
    for (const { to, message } of effects.send) events.send(to, message);
    for (const { ticket, index } of effects.reads) {
      const done = this.#reads.get(ticket);
      this.#reads.delete(ticket);
      done?.(index);
    }
    for (const entry of effects.deliver) {
      if (this.#isOver) return;
      this.#deliver(entry);
    }
    if (effects.moreToDeliver) clock.schedule(0, () => this.step({ kind: 'continue' }));
  }

  #deliver(entry: LogEntry): void {
    const { self, incarnation, events, clock } = this.#setup;
    const isOwn = entry.kind !== 'view' && entry.origin === self && entry.incarnation === incarnation;
    if (entry.kind === 'message' || !isOwn) this.#fragmenter.neighbourDelivered(clock.monotonicMs());
    const ticket = isOwn ? this.#fragmenter.delivered(entry, clock.monotonicMs()) : null;
    const ordered = this.#assembler.take(entry);
    if (ordered === null) {
      const begun = entry.kind === 'fragment' ? this.#assembler.begun(entry.origin) : null;
      if (begun !== null) events.growing(begun.bytes, begun.taken);
      return;
    }
    if (ordered.kind === 'view') return events.viewChanged(ordered.view, ordered.index);
    const { index, term, origin, incarnation: run, messageNumber, stampMs, payload } = ordered;
    const chosenMs = ticket === null ? 0 : this.consensus.chosenMs(index);
    events.delivered({ index, term, origin, incarnation: run, messageNumber, stampMs, payload, ticket, chosenMs });
  }

  /** As many parts of what waits as there is room for. */
  #propose(): void {
    if (this.#isProposing || this.#isStepping) return;
    this.#isProposing = true;
    const { clock } = this.#setup;
    while (this.canBroadcast()) {
      const part = this.#fragmenter.next(clock.monotonicMs());
      if (part === null) break;
      this.step({ kind: 'propose', incarnation: this.#setup.incarnation, ...part });
    }
    this.#isProposing = false;
    this.#proposeAfterRest();
  }

  #proposeAfterRest(): void {
    if (this.#isResting) return;
    const { clock } = this.#setup;
    const restMs = this.#fragmenter.restMs(clock.monotonicMs());
    if (restMs === null) return;
    this.#isResting = true;
    clock.schedule(restMs, () => {
      this.#isResting = false;
      if (!this.#isOver) this.#propose();
    });
  }
}

/** What comes by the dozen in one turn. */
function isOfTurn({ kind }: ConsensusInput): boolean {
  return kind === 'received' || kind === 'durable' || kind === 'hard-state-durable';
}

function isNext(view: GroupView, consensus: Consensus): boolean {
  return consensus.canChangeView && view.number === consensus.view.number + 1;
}

/** How many inputs from the first on may be taken together. */
function mergeableCount(inputs: readonly ConsensusInput[]): number {
  let count = 0;
  while (count < inputs.length && isMergeable(inputs[count]!)) count++;
  return count;
}

/** Rising over all runs of a member. */
function readTicket(incarnation: Incarnation, number: number): number {
  return incarnation * 0x1_0000_0000 + number;
}
