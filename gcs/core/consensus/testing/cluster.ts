/**
 * A few members of one group in memory, each with a disk that forgets what was not synced. Nothing happens by itself:
 * the test says whose time passes, which message arrives and which disk syncs, and everything is written down, as in the
 * interaction tests of etcd raft. What must hold at any time is checked after every step (safety.ts).
 */
import { assert, type LogIndex, type MemberOrdinal, type MessageNumber, SeededRandom } from '../../../base/index.ts';
import type { GroupView, LogEntry, PersistRequest } from '../../types.ts';
import { foundingView } from '../../views.ts';
import {
  CONSENSUS_DEFAULTS,
  Consensus,
  type ConsensusInput,
  type ConsensusOptions,
  type Effects,
  type ReadIndexAnswer,
} from '../consensus.ts';
import { decodePeerMessage, encodePeerMessage, type PeerMessage } from '../peer-message.ts';
import { isFurther } from '../replicated-log.ts';
import { describe, describeEntries, textOf } from './describe.ts';
import { MemoryLog } from './memory-log.ts';
import { Safety } from './safety.ts';

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
  reads: ReadIndexAnswer[];
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
  readonly members: TestMember[] = [];
  readonly options: ConsensusOptions;
  readonly foundingView: GroupView;
  readonly transcript: string[] = [];
  /** Sent and not yet arrived, in the order of sending. */
  packets: Packet[] = [];
  nowMs = 1_000;
  /** Of all wall clocks. */
  wallAheadMs = 0;
  readonly #cut = new Set<string>();
  readonly #random: SeededRandom;
  readonly #safety: Safety;

  /** `members`: voters of the founding view. */
  constructor(setup: {
    readonly members: number;
    readonly seed?: number;
    readonly options?: Partial<ConsensusOptions>;
    readonly disks?: readonly MemoryLog[];
  }) {
    this.options = { ...CONSENSUS_DEFAULTS, ...setup.options };
    this.#random = new SeededRandom(setup.seed ?? 1);
    this.foundingView = foundingView(
      1,
      Array.from({ length: setup.members }, (_, ordinal) => addressOf(ordinal)),
    );
    const disks = setup.disks ?? [];
    this.#safety = new Safety(Math.max(0, ...disks.map((disk) => disk.base.index)));
    for (let ordinal = 0; ordinal < setup.members; ordinal++) this.#add(ordinal, disks[ordinal] ?? new MemoryLog());
    for (const { ordinal } of this.members) this.start(ordinal);
  }

  /** Every entry that any member has ever called chosen. */
  get chosen(): readonly LogEntry[] {
    return this.#safety.chosen;
  }

  member(ordinal: MemberOrdinal): TestMember {
    return this.members[ordinal]!;
  }

  core(ordinal: MemberOrdinal): Consensus {
    const { core } = this.member(ordinal);
    assert(core !== null, 'the member runs');
    return core;
  }

  get running(): readonly TestMember[] {
    return this.members.filter(({ core }) => core !== null);
  }

  get leader(): TestMember | undefined {
    const leaders = this.running.filter(({ core }) => core!.role === 'leader');
    return leaders.sort((a, b) => b.core!.term - a.core!.term)[0];
  }

  say(line: string): void {
    this.transcript.push(line);
  }

  /** One with an empty disk, that was promised its ordinal, starts. */
  join(): TestMember {
    const ordinal = this.members.length;
    this.#add(ordinal, new MemoryLog());
    this.say(`${ordinal} joins`);
    this.start(ordinal);
    return this.member(ordinal);
  }

  #add(ordinal: MemberOrdinal, disk: MemoryLog): void {
    this.members.push({
      ordinal,
      core: null,
      log: new MemoryLog(),
      disk,
      pending: [],
      incarnation: 0,
      proposedUpTo: 0,
      delivered: [],
      reads: [],
      knownChosenUpTo: disk.base.index,
      moreToDeliver: false,
    });
  }

  start(ordinal: MemberOrdinal, deliveredUpTo?: LogIndex): void {
    const member = this.member(ordinal);
    member.log = member.disk.copy();
    member.pending = [];
    member.incarnation += 1;
    member.proposedUpTo = 0;
    member.delivered = [];
    member.reads = [];
    const chosenUpTo = Math.max(member.knownChosenUpTo, member.log.base.index);
    member.core = new Consensus({
      self: ordinal,
      foundingView: this.foundingView,
      options: this.options,
      restored: {
        hardState: member.log.hardState,
        chosenUpTo,
        deliveredUpTo: Math.max(deliveredUpTo ?? chosenUpTo, member.log.base.index),
        lastMessages: member.log.baseAt(chosenUpTo).lastMessages,
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

  /** The owner needs nothing up to `upTo` any more, or what of it is delivered and durable. */
  truncate(ordinal: MemberOrdinal, upTo: LogIndex): void {
    const member = this.member(ordinal);
    const { deliveredUpTo } = this.core(ordinal).status();
    const base = Math.min(upTo, deliveredUpTo, member.disk.lastIndex);
    if (base <= member.log.base.index) return;
    this.say(`${ordinal} keeps its log from ${base + 1} on`);
    member.log.truncate(base);
    member.disk.truncate(base);
    member.knownChosenUpTo = Math.max(member.knownChosenUpTo, base);
  }

  /** While it does not run: its disk lost everything from `from` on, as far as the owner can do without it. */
  damage(ordinal: MemberOrdinal, from: LogIndex): void {
    const member = this.member(ordinal);
    assert(member.core === null, 'damage is found at a start');
    this.say(`the disk of ${ordinal} lost ${from} to ${member.disk.lastIndex}`);
    member.disk.lose(Math.max(from, member.knownChosenUpTo + 1));
  }

  /** While `to` does not run: it takes the state of `from`, and what of the log belongs to it. */
  transferState(from: MemberOrdinal, to: MemberOrdinal): void {
    const member = this.member(to);
    assert(member.core === null, 'a state is received before the member takes part');
    const donor = this.member(from);
    const { deliveredUpTo, term } = this.core(from).status();
    const { hardState, end } = member.disk;
    const received = new MemoryLog(donor.log.base);
    received.held.push(...donor.log.held.slice(0, deliveredUpTo - donor.log.base.index));
    const claim = hardState.claim !== null && isFurther(hardState.claim, end) ? hardState.claim : end;
    const raised = term > hardState.term ? { term, votedFor: null } : hardState;
    received.hardState = { ...raised, claim: isFurther(claim, received.end) ? claim : null };
    member.disk = received;
    member.knownChosenUpTo = deliveredUpTo;
    this.say(`${to} takes the state of ${from}, as of ${deliveredUpTo}`);
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

  propose(ordinal: MemberOrdinal, text: string, entryKind: 'message' | 'fragment' = 'message'): void {
    const member = this.member(ordinal);
    member.proposedUpTo += 1;
    this.say(`propose ${text} at ${ordinal}`);
    this.step(ordinal, {
      kind: 'propose',
      incarnation: member.incarnation,
      messageNumber: member.proposedUpTo,
      entryKind,
      isCompressed: false,
      payload: new TextEncoder().encode(text),
    });
  }

  changeView(ordinal: MemberOrdinal, view: GroupView): void {
    this.step(ordinal, { kind: 'change-view', view });
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
    for (let round = 0; this.core(ordinal).role !== 'leader'; round++) {
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
    const { role, term } = core;
    const { number } = core.view;
    const effects = core.step(input, this.#now());
    if (core.role !== role || core.term !== term) this.say(`  ${ordinal} is ${core.role} in term ${core.term}`);
    if (core.view.number !== number) this.say(`  ${ordinal} goes from view ${number} to view ${core.view.number}`);
    for (const request of effects.persist) {
      member.log.apply(request);
      member.pending.push(request);
      const { hardState } = request;
      const claim = hardState?.claim ? ` claim ${hardState.claim.index}@${hardState.claim.term}` : '';
      const vote = hardState === null ? '' : ` term ${hardState.term} vote ${hardState.votedFor}${claim}`;
      this.say(`  ${ordinal} writes ${request.number}:${vote}${describeEntries(request.entries)}`);
    }
    for (const { to, message } of effects.send) {
      this.say(`  ${ordinal} sends ${to}: ${describe(message)}`);
      if (!this.isCut(ordinal, to)) this.packets.push({ from: ordinal, to, message });
    }
    for (const entry of effects.deliver) this.say(`  ${ordinal} delivers ${entry.index}: ${textOf(entry)}`);
    for (const { ticket, index } of effects.reads) this.say(`  ${ordinal} answers read ${ticket}: ${index}`);
    member.delivered.push(...effects.deliver);
    member.reads.push(...effects.reads);
    this.#safety.check(member);
    member.moreToDeliver = effects.moreToDeliver;
    return effects;
  }

  #tellLink(a: MemberOrdinal, b: MemberOrdinal, connected: boolean): void {
    if (this.member(a).core === null || this.member(b).core === null) return;
    this.step(a, { kind: 'link-changed', peer: b, connected });
    this.step(b, { kind: 'link-changed', peer: a, connected });
  }

  #now() {
    return { monotonicMs: this.nowMs, wallMs: 1_700_000_000_000 + this.nowMs + this.wallAheadMs };
  }
}

/** What a view says of a member, but for its ordinal. */
export function addressOf(ordinal: MemberOrdinal) {
  return { memberId: `m${ordinal}`, groupAddress: `m${ordinal}:2`, host: `m${ordinal}`, port: 1 };
}

function linkName(a: MemberOrdinal, b: MemberOrdinal): string {
  return `${Math.min(a, b)}-${Math.max(a, b)}`;
}
