/**
 * A few members of one group in memory, each with a disk that forgets what was not synced. Nothing happens by itself:
 * the test says whose time passes, which message arrives and which disk syncs, and everything is written down, as in the
 * interaction tests of etcd raft. What must hold at any time is checked after every step.
 */
import {
  assert,
  type LogIndex,
  type MemberOrdinal,
  type MessageNumber,
  SeededRandom,
  type Term,
} from '../../../base/index.ts';
import type { HardState, LastMessage, LogEntry, LogReader, PersistRequest } from '../../types.ts';
import {
  CONSENSUS_DEFAULTS,
  Consensus,
  type ConsensusInput,
  type ConsensusOptions,
  type Effects,
} from '../consensus.ts';
import { decodePeerMessage, encodePeerMessage, type PeerMessage } from '../peer-message.ts';

export class MemoryLog implements LogReader {
  hardState: HardState = { term: 0, votedFor: null };
  readonly held: LogEntry[] = [];

  get lastIndex(): LogIndex {
    return this.held.length;
  }

  termAt(index: LogIndex): Term {
    assert(index >= 0 && index <= this.held.length, 'term read within the log');
    return index === 0 ? 0 : this.held[index - 1]!.term;
  }

  entries(from: LogIndex, upTo: LogIndex, bytesMax: number): readonly LogEntry[] {
    assert(from >= 1 && from <= upTo && upTo <= this.held.length, 'entries read within the log');
    const read: LogEntry[] = [];
    let bytes = 0;
    for (let index = from; index <= upTo; index++) {
      const entry = this.held[index - 1]!;
      bytes += entry.payload.length;
      if (bytes > bytesMax && read.length > 0) break;
      read.push(entry);
    }
    return read;
  }

  apply(request: PersistRequest, entriesMax = Number.POSITIVE_INFINITY): void {
    if (request.hardState !== null) this.hardState = request.hardState;
    for (const entry of request.entries.slice(0, entriesMax)) {
      assert(entry.index <= this.held.length + 1, 'entries are written without gaps');
      this.held.length = entry.index - 1;
      this.held.push(entry);
    }
  }

  copy(): MemoryLog {
    const copy = new MemoryLog();
    copy.hardState = this.hardState;
    copy.held.push(...this.held);
    return copy;
  }
}

export interface TestMember {
  readonly ordinal: MemberOrdinal;
  core: Consensus | null;
  /** What the core's reader sees. */
  log: MemoryLog;
  /** What a crash leaves. */
  disk: MemoryLog;
  pending: PersistRequest[];
  incarnation: number;
  proposedUpTo: MessageNumber;
  /** Since the last start. */
  delivered: LogEntry[];
  /** What the layer above has made durable of its own. */
  knownChosenUpTo: LogIndex;
  moreToDeliver: boolean;
}

export interface Packet {
  readonly from: MemberOrdinal;
  readonly to: MemberOrdinal;
  readonly message: PeerMessage;
}

export class TestCluster {
  readonly members: readonly TestMember[];
  readonly options: ConsensusOptions;
  readonly transcript: string[] = [];
  /** Sent and not yet arrived, in the order of sending. */
  packets: Packet[] = [];
  nowMs = 1_000;
  readonly #cut = new Set<string>();
  readonly #random: SeededRandom;
  readonly #leaderOfTerm = new Map<Term, MemberOrdinal>();
  /** Every entry that any member has ever called chosen. */
  readonly #chosen: LogEntry[] = [];
  readonly #lastMessages = new Map<MemberOrdinal, LastMessage>();

  constructor(setup: {
    readonly members: number;
    readonly seed?: number;
    readonly options?: Partial<ConsensusOptions>;
    readonly disks?: readonly MemoryLog[];
  }) {
    this.options = { ...CONSENSUS_DEFAULTS, ...setup.options };
    this.#random = new SeededRandom(setup.seed ?? 1);
    this.members = Array.from({ length: setup.members }, (_, ordinal) => ({
      ordinal,
      core: null,
      log: new MemoryLog(),
      disk: setup.disks?.[ordinal] ?? new MemoryLog(),
      pending: [],
      incarnation: 0,
      proposedUpTo: 0,
      delivered: [],
      knownChosenUpTo: 0,
      moreToDeliver: false,
    }));
    for (const { ordinal } of this.members) this.start(ordinal);
  }

  get chosen(): readonly LogEntry[] {
    return this.#chosen;
  }

  member(ordinal: MemberOrdinal): TestMember {
    return this.members[ordinal]!;
  }

  core(ordinal: MemberOrdinal): Consensus {
    const { core } = this.member(ordinal);
    assert(core !== null, 'the member runs');
    return core;
  }

  say(line: string): void {
    this.transcript.push(line);
  }

  start(ordinal: MemberOrdinal, deliveredUpTo?: LogIndex): void {
    const member = this.member(ordinal);
    member.log = member.disk.copy();
    member.pending = [];
    member.incarnation += 1;
    member.proposedUpTo = 0;
    member.delivered = [];
    const chosenUpTo = member.knownChosenUpTo;
    const lastMessages = new Map<MemberOrdinal, LastMessage>();
    for (const entry of member.log.held.slice(0, chosenUpTo)) {
      if (entry.kind === 'message') lastMessages.set(entry.origin, entry);
    }
    member.core = new Consensus({
      self: ordinal,
      members: this.members.map((other) => other.ordinal),
      options: this.options,
      restored: {
        hardState: member.log.hardState,
        chosenUpTo,
        deliveredUpTo: deliveredUpTo ?? chosenUpTo,
        lastMessages,
      },
      reader: member.log,
      random: this.#random.split(`member ${ordinal} run ${member.incarnation}`),
      now: this.#now(),
    });
    for (const other of this.members) {
      if (other === member || other.core === null || this.isCut(ordinal, other.ordinal)) continue;
      this.step(ordinal, { kind: 'link-changed', peer: other.ordinal, connected: true });
      this.step(other.ordinal, { kind: 'link-changed', peer: ordinal, connected: true });
    }
  }

  /** `kept`: how many requests that were not synced reached the disk after all, and entries of the next one. */
  crash(
    ordinal: MemberOrdinal,
    kept: { readonly requests: number; readonly entries: number } = { requests: 0, entries: 0 },
  ): void {
    this.say(`crash ${ordinal}`);
    const member = this.member(ordinal);
    for (const request of member.pending.slice(0, kept.requests)) member.disk.apply(request);
    const torn = member.pending[kept.requests];
    if (torn !== undefined && kept.entries > 0) member.disk.apply(torn, kept.entries);
    member.core = null;
    member.pending = [];
    for (const other of this.members) {
      if (other.core === null || this.isCut(ordinal, other.ordinal)) continue;
      this.step(other.ordinal, { kind: 'link-changed', peer: ordinal, connected: false });
    }
  }

  cut(a: MemberOrdinal, b: MemberOrdinal, noticed = true): void {
    this.say(`cut ${a} from ${b}${noticed ? '' : ' silently'}`);
    this.#cut.add(linkName(a, b));
    this.packets = this.packets.filter(({ from, to }) => linkName(from, to) !== linkName(a, b));
    if (noticed) this.#tellLink(a, b, false);
  }

  heal(a: MemberOrdinal, b: MemberOrdinal): void {
    this.say(`heal ${a} and ${b}`);
    this.#cut.delete(linkName(a, b));
    this.#tellLink(a, b, true);
  }

  isCut(a: MemberOrdinal, b: MemberOrdinal): boolean {
    return this.#cut.has(linkName(a, b));
  }

  /** Time passes, and the given members notice. */
  elapse(ms: number, ...ordinals: readonly MemberOrdinal[]): void {
    const line = ` ms pass at ${ordinals.join(', ')}`;
    const last = this.transcript.at(-1);
    if (last?.endsWith(line)) this.transcript[this.transcript.length - 1] = `${Number.parseInt(last, 10) + ms}${line}`;
    else this.say(`${ms}${line}`);
    for (const end = this.nowMs + ms; this.nowMs < end; ) {
      this.nowMs += Math.min(25, end - this.nowMs);
      for (const ordinal of ordinals) this.step(ordinal, { kind: 'tick' });
    }
  }

  propose(ordinal: MemberOrdinal, text: string): void {
    const member = this.member(ordinal);
    member.proposedUpTo += 1;
    this.say(`propose ${text} at ${ordinal}`);
    this.step(ordinal, {
      kind: 'propose',
      incarnation: member.incarnation,
      messageNumber: member.proposedUpTo,
      payload: new TextEncoder().encode(text),
    });
  }

  /** The disk answers everything asked so far, or the first `requests`. */
  sync(ordinal: MemberOrdinal, requests = Number.POSITIVE_INFINITY): void {
    const member = this.member(ordinal);
    const synced = member.pending.splice(0, Math.min(requests, member.pending.length));
    if (synced.length === 0) return;
    for (const request of synced) member.disk.apply(request);
    const { number } = synced.at(-1)!;
    this.say(`disk of ${ordinal} answers ${number}`);
    this.step(ordinal, { kind: 'durable', number });
  }

  /** The first packet that fits arrives; `duplicate` leaves it under way as well. */
  arrive(which: (packet: Packet) => boolean, duplicate = false): void {
    const at = this.packets.findIndex(which);
    assert(at >= 0, 'such a packet is under way');
    const packet = this.packets[at]!;
    if (!duplicate) this.packets.splice(at, 1);
    const { from, to } = packet;
    if (this.member(to).core === null || this.isCut(from, to)) return;
    this.feed(packet);
  }

  /** A message arrives, whoever made it up. */
  feed({ from, to, message }: Packet): Effects {
    this.say(`${from} to ${to}: ${describe(message)}`);
    const copy = decodePeerMessage(encodePeerMessage(message));
    assert(copy.kind !== 'malformed', 'what is encoded can be decoded');
    return this.step(to, { kind: 'received', from, message: copy });
  }

  arriveAll(which: (packet: Packet) => boolean): void {
    while (this.packets.some(which)) this.arrive(which);
  }

  /** Disks, messages and deliveries, until nothing is under way any more. */
  settle(): void {
    for (let round = 0; ; round++) {
      assert(round < 10_000, 'the group comes to rest');
      if (this.packets.length > 0) this.arrive(() => true);
      else {
        for (const member of this.members) {
          while (member.core !== null && member.moreToDeliver) this.step(member.ordinal, { kind: 'continue' });
        }
        const busy = this.members.find((member) => member.core !== null && member.pending.length > 0);
        if (busy === undefined) return;
        this.sync(busy.ordinal);
      }
    }
  }

  /** Until `ordinal` leads. Nobody else's time passes, only votes arrive, and only what concerns them is synced. */
  elect(ordinal: MemberOrdinal): void {
    const isVote = ({ message }: Packet) => message.kind === 'vote-request' || message.kind === 'vote-answer';
    for (let round = 0; this.core(ordinal).status().role !== 'leader'; round++) {
      assert(round < 200, 'a leader is elected');
      this.arriveAll(isVote);
      const voter = this.members.find(({ pending }) => pending.some(({ hardState }) => hardState !== null));
      if (voter !== undefined) this.sync(voter.ordinal);
      else this.elapse(25, ordinal);
    }
  }

  step(ordinal: MemberOrdinal, input: ConsensusInput): Effects {
    const member = this.member(ordinal);
    const core = this.core(ordinal);
    const before = core.status();
    const effects = core.step(input, this.#now());
    const after = core.status();
    if (after.role !== before.role || after.term !== before.term) {
      this.say(`  ${ordinal} is ${after.role} in term ${after.term}`);
    }
    for (const request of effects.persist) {
      member.log.apply(request);
      member.pending.push(request);
      const vote =
        request.hardState === null ? '' : ` term ${request.hardState.term} vote ${request.hardState.votedFor}`;
      this.say(`  ${ordinal} writes ${request.number}:${vote}${describeEntries(request.entries)}`);
    }
    for (const { to, message } of effects.send) {
      this.say(`  ${ordinal} sends ${to}: ${describe(message)}`);
      if (!this.isCut(ordinal, to)) this.packets.push({ from: ordinal, to, message });
    }
    for (const entry of effects.deliver) this.say(`  ${ordinal} delivers ${entry.index}: ${textOf(entry)}`);
    member.delivered.push(...effects.deliver);
    this.#checkLeader(member);
    this.#checkChosen(member);
    member.moreToDeliver = effects.moreToDeliver;
    return effects;
  }

  #checkLeader(member: TestMember): void {
    const { role, term } = member.core!.status();
    if (role !== 'leader') return;
    const known = this.#leaderOfTerm.get(term);
    assert(known === undefined || known === member.ordinal, 'a term has one leader');
    if (known !== undefined) return;
    this.#leaderOfTerm.set(term, member.ordinal);
    for (const entry of this.#chosen) {
      assert(member.log.held[entry.index - 1]?.term === entry.term, 'a new leader has all that was ever chosen');
    }
  }

  /** The first member to call an entry chosen fixes it; whoever comes later must have the same. */
  #checkChosen(member: TestMember): void {
    const { chosenUpTo } = member.core!.status();
    for (let index = this.#chosen.length + 1; index <= chosenUpTo; index++) {
      const entry = member.log.held[index - 1]!;
      this.#chosen.push(entry);
      if (entry.kind === 'noop') continue;
      const last = this.#lastMessages.get(entry.origin);
      const follows =
        last?.incarnation === entry.incarnation
          ? entry.messageNumber === last.messageNumber + 1
          : entry.messageNumber === 1 && entry.incarnation > (last?.incarnation ?? 0);
      assert(follows, 'each broadcast is chosen once and in the order of its origin');
      this.#lastMessages.set(entry.origin, entry);
    }
    for (const entry of member.delivered.slice(-8)) {
      const chosen = this.#chosen[entry.index - 1];
      assert(chosen?.term === entry.term && textOf(chosen) === textOf(entry), 'one total order');
      const durable = member.disk.held[entry.index - 1];
      assert(durable?.term === entry.term, 'what is delivered is durable here');
    }
  }

  #tellLink(a: MemberOrdinal, b: MemberOrdinal, connected: boolean): void {
    if (this.member(a).core === null || this.member(b).core === null) return;
    this.step(a, { kind: 'link-changed', peer: b, connected });
    this.step(b, { kind: 'link-changed', peer: a, connected });
  }

  #now() {
    return { monotonicMs: this.nowMs, wallMs: 1_700_000_000_000 + this.nowMs };
  }
}

export function textOf(entry: LogEntry): string {
  return entry.kind === 'noop' ? 'noop' : new TextDecoder().decode(entry.payload);
}

export function describe(message: PeerMessage): string {
  switch (message.kind) {
    case 'vote-request':
      return `${message.preVote ? 'pre-vote' : 'vote'} for term ${message.term}? log ends ${message.lastIndex}@${message.lastTerm}`;
    case 'vote-answer':
      return `${message.preVote ? 'pre-vote' : 'vote'} ${message.granted ? 'granted' : 'refused'} term ${message.term}`;
    case 'append':
      return `append term ${message.term} behind ${message.previousIndex}@${message.previousTerm} chosen ${message.chosenUpTo}${describeEntries(message.entries)}`;
    case 'append-answer':
      return message.rejected === null
        ? `matched term ${message.term} up to ${message.matchedUpTo}`
        : `rejected term ${message.term} behind ${message.rejected.previousIndex}, try ${message.rejected.hintIndex}@${message.rejected.hintTerm}`;
    case 'propose':
      return `propose ${message.incarnation}:${message.firstNumber} ${message.payloads.map((payload) => new TextDecoder().decode(payload)).join(' ')}`;
  }
}

function describeEntries(entries: readonly LogEntry[]): string {
  return entries.map((entry) => ` ${entry.index}@${entry.term}=${textOf(entry)}`).join('');
}

function linkName(a: MemberOrdinal, b: MemberOrdinal): string {
  return `${Math.min(a, b)}-${Math.max(a, b)}`;
}
