/**
 * Group communication of one member: it forms the group, holds the connections to its peers, and drives the consensus
 * core over the segment log. Above it there are bytes in total order.
 *
 * Forming a group, once: the bootstrapping member dials all seeds and asks who they are; when it knows them all it
 * writes the group's definition (id, members, options) durably; from then on it, and every member that has the
 * definition, hands it to each listed member that has none. A member that is in no list, or whose definition is
 * another, is refused with the reason. The list never changes here.
 *
 * Connections: every member dials every other and sends on the connection that it dialled. A frame that comes in on an
 * accepted one is from the member that introduced itself there, in the newest incarnation seen of it.
 */
import type {
  Connection,
  ConnectionHandler,
  Environment,
  Incarnation,
  LogIndex,
  MemberId,
  MemberOrdinal,
  MessageNumber,
  ScheduledCall,
} from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import {
  Consensus,
  type ConsensusInput,
  type ConsensusOptions,
  type ConsensusStatus,
  type Effects,
  isMergeable,
} from '../consensus/consensus.ts';
import { decodePeerMessage, encodePeerMessage } from '../consensus/peer-message.ts';
import { SegmentLog, type SegmentLogOptions } from '../log/segment-log.ts';
import type { Delivery, GroupDefinition, GroupMember, LogReader } from '../types.ts';
import type { GroupHeadline, GroupSetup } from './contract.ts';
import { decodeBelonging, encodeBelonging, GROUP_FILE, isFormedBy } from './definition.ts';
import { decodeFrame, encodeFrame, type Frame, GROUP_PROTOCOL_VERSION, type Introduction } from './handshake.ts';

/** Addresses whose refusal is remembered, so as not to be reported again. */
const TURNED_AWAY_MAX = 1000;

export class Group {
  readonly #setup: GroupSetup;
  readonly #environment: Environment;
  readonly #events: GroupEvents;
  readonly #log: SegmentLog;
  #definition: GroupDefinition | null = null;
  #self: GroupMember | null = null;
  #consensus: Consensus | null = null;
  #shown: GroupHeadline = { role: 'follower', term: 0, leader: null, caughtUp: false, hasQuorum: false };
  readonly #inputs: ConsensusInput[] = [];
  #isStepping = false;
  #isTakingScheduled = false;
  #isStopped = false;
  #isClosed = false;
  readonly #closing: (() => void)[] = [];
  #isStoring = false;
  #tick: ScheduledCall | null = null;
  #lastMessageNumber = 0;
  readonly #dialled = new Map<string, DialledLink>();
  readonly #accepted = new Set<AcceptedLink>();
  readonly #introduced = new Map<string, Introduction>();
  readonly #turnedAwayFor = new Map<string, string>();
  readonly #newestIncarnation = new Map<MemberOrdinal, Incarnation>();
  readonly #heardMs = new Map<MemberOrdinal, number>();
  readonly #reachable = new Map<MemberOrdinal, boolean>();

  /** Reads the directory. Nothing is sent or written before `open`. */
  static prepare(setup: GroupSetup): { kind: 'prepared'; group: Group } | { kind: 'refused'; reason: string } {
    const { disk } = setup.environment;
    const opened = SegmentLog.open(disk, setup.options.log, { memberId: setup.memberId });
    if (opened.kind === 'damaged') {
      return {
        kind: 'refused',
        reason: `the log is damaged: ${opened.file} at byte ${opened.offset}: ${opened.reason}; restore this member's data directory from a backup or set it aside`,
      };
    }
    const group = new Group(setup, opened.log);
    const bytes = disk.readWhole(GROUP_FILE);
    if (bytes === null) {
      if (opened.log.lastIndex > 0) {
        return { kind: 'refused', reason: `${GROUP_FILE} is missing beside a log that is not empty; restore it` };
      }
      if (setup.formation === null) {
        return {
          kind: 'refused',
          reason:
            'the data directory belongs to no group yet: say --bootstrap to create one, or --seeds to become part of one that is being created',
        };
      }
      return { kind: 'prepared', group };
    }
    const decoded = decodeDefinition(bytes);
    if (decoded.kind === 'malformed') {
      return {
        kind: 'refused',
        reason: `${GROUP_FILE} is damaged: ${decoded.reason}; copy it from another member of the group`,
      };
    }
    const problem = group.#adopt(decoded.definition);
    if (problem !== null) return { kind: 'refused', reason: problem };
    const { formation } = setup;
    // The same command line again asks for nothing new: so a member can be restarted by whoever started it first.
    if (formation?.kind === 'bootstrap' && !isFormedBy(decoded.definition, formation, setup.groupAddress)) {
      return {
        kind: 'refused',
        reason: `the data directory already belongs to the group ${decoded.definition.groupName}, and --bootstrap asks for one with another name, other members or other options: start without --bootstrap`,
      };
    }
    return { kind: 'prepared', group };
  }

  private constructor(setup: GroupSetup, log: SegmentLog) {
    this.#setup = setup;
    this.#environment = setup.environment;
    this.#events = setup.events;
    this.#log = log;
    log.onDurable = (number) => this.#step({ kind: 'durable', number });
    log.onFailed = (error) => {
      this.stop();
      this.#events.failed(error);
    };
  }

  /** The group's log, for the owner's own replay. */
  get log(): LogReader {
    return this.#log;
  }

  get logStatus(): SegmentLog['status'] {
    return this.#log.status;
  }

  get definition(): GroupDefinition | null {
    return this.#definition;
  }

  /** Null before `start`. */
  get status(): ConsensusStatus | null {
    return this.#consensus?.status() ?? null;
  }

  /** Listens, dials, and either goes on with the group of this directory or begins to form one. */
  open(): void {
    this.#environment.network.listen((connection) => {
      const link = new AcceptedLink(connection);
      this.#accepted.add(link);
      return this.#acceptedHandler(link);
    });
    if (this.#definition !== null) this.#formed();
    else {
      for (const address of this.#setup.formation!.seeds) this.#dial(address);
      this.#formIfComplete();
    }
  }

  /**
   * Takes part in the order from here on. `chosenUpTo`: the log up to there is known to be chosen and the owner has
   * replayed it; deliveries go on behind it.
   */
  start(chosenUpTo: LogIndex): void {
    assert(this.#consensus === null && this.#definition !== null && this.#self !== null, 'started once, after forming');
    assert(chosenUpTo <= this.#log.lastIndex, 'what was delivered is in the log');
    const { members } = this.#definition.view;
    this.#consensus = new Consensus({
      self: this.#self.ordinal,
      members: members.map((member) => member.ordinal),
      options: this.#setup.options.consensus,
      restored: {
        hardState: this.#log.hardState,
        chosenUpTo,
        deliveredUpTo: chosenUpTo,
        lastMessages: this.#log.lastMessagesAt(chosenUpTo),
      },
      reader: this.#log,
      random: this.#environment.random,
      now: this.#now(),
    });
    for (const peer of this.#peers()) {
      if (this.#dialled.get(peer.groupAddress)?.isReady) {
        this.#step({ kind: 'link-changed', peer: peer.ordinal, connected: true });
      }
    }
    this.#step({ kind: 'tick' });
    this.#scheduleTick();
  }

  /** Whether `broadcast` has room. */
  canBroadcast(): boolean {
    return this.#consensus !== null && !this.#isStopped && this.#consensus.canPropose();
  }

  /** Hands bytes to the group for total order; they come back by `delivered`, once, if ever. Only if `canBroadcast()`. */
  broadcast(payload: Uint8Array): MessageNumber {
    assert(this.canBroadcast(), 'broadcast only where there is room');
    const messageNumber = ++this.#lastMessageNumber;
    this.#step({ kind: 'propose', incarnation: this.#setup.incarnation, messageNumber, payload });
    return messageNumber;
  }

  /** Stops deliveries (the owner has no room), or lets them go on. */
  pauseDelivery(paused: boolean): void {
    this.#step({ kind: 'delivery-paused', paused });
  }

  /** Sends best-effort news to every peer that can be reached. */
  notify(bytes: Uint8Array): void {
    const frame = encodeFrame({ kind: 'notice', bytes });
    for (const peer of this.#peers()) {
      const link = this.#dialled.get(peer.groupAddress);
      if (link?.isReady) this.#send(link, frame.slice());
    }
  }

  isReachable(peer: MemberOrdinal): boolean {
    return peer === this.#self?.ordinal || (this.#reachable.get(peer) ?? false);
  }

  /** Leaves the network and promises nothing more. What is being written is finished before `closed` is called; may be asked again. */
  stop(closed: () => void = () => {}): void {
    if (this.#isClosed) return closed();
    this.#closing.push(closed);
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#tick?.cancel();
    for (const link of this.#dialled.values()) {
      link.redial?.cancel();
      link.connection?.close('stopping');
    }
    for (const link of this.#accepted) link.connection.close('stopping');
    this.#log.close(() => {
      this.#isClosed = true;
      for (const each of this.#closing) each();
    });
  }

  // Forming the group

  #adopt(definition: GroupDefinition): string | null {
    const { memberId, groupAddress } = this.#setup;
    const self = definition.view.members.find((member) => member.memberId === memberId);
    if (self === undefined)
      return `${GROUP_FILE} does not list this member (${memberId}): the data directory was mixed up`;
    if (self.groupAddress !== groupAddress) {
      return `this member's group address is ${self.groupAddress} since its group was created, not ${groupAddress}: start it with the old one`;
    }
    this.#definition = definition;
    this.#self = self;
    return null;
  }

  #formed(): void {
    for (const peer of this.#peers()) this.#dial(peer.groupAddress);
    this.#events.formed(this.#definition!, this.#self!);
  }

  #formIfComplete(): void {
    const { formation, memberId, groupAddress, host, port, environment } = this.#setup;
    if (formation?.kind !== 'bootstrap' || this.#definition !== null || this.#isStopped) return;
    const others = formation.seeds.map((address) => this.#introduced.get(address));
    const members: GroupMember[] = [{ ordinal: 0, memberId, groupAddress, host, port }];
    for (const other of others) {
      if (other === undefined) return;
      members.push({
        ordinal: members.length,
        memberId: other.memberId,
        groupAddress: other.groupAddress,
        host: other.host,
        port: other.port,
      });
    }
    if (new Set(members.map((member) => member.memberId)).size !== members.length) {
      return this.#refuse('--seeds names one member twice, or this member itself');
    }
    const definition: GroupDefinition = {
      groupId: environment.random.uuid(),
      groupName: formation.groupName,
      view: { viewId: `${environment.clock.wallMs()}:1`, members },
      options: formation.options,
    };
    this.#storeDefinition(definition);
  }

  #storeDefinition(definition: GroupDefinition): void {
    if (this.#isStoring) return;
    this.#isStoring = true;
    this.#environment.disk.replace(GROUP_FILE, encodeDefinition(definition), (error) => {
      this.#isStoring = false;
      if (this.#isStopped) return;
      if (error !== null) {
        this.stop();
        return this.#events.failed(error);
      }
      const problem = this.#adopt(definition);
      assert(problem === null, 'a stored definition lists this member');
      for (const link of [...this.#dialled.values()]) this.#forget(link);
      for (const link of [...this.#accepted]) link.connection.close('the group was formed');
      this.#formed();
    });
  }

  /** Once for each address and reason: who was turned away dials again and again. */
  #turnedAway(address: string, reason: string): void {
    if (this.#turnedAwayFor.get(address) === reason) return;
    if (this.#turnedAwayFor.size >= TURNED_AWAY_MAX) this.#turnedAwayFor.clear();
    this.#turnedAwayFor.set(address, reason);
    this.#events.refusedPeer(address, reason);
  }

  #refuse(reason: string): void {
    this.stop();
    this.#events.refused(reason);
  }

  // Connections that this member dialled: it sends on them

  #dial(address: string): void {
    if (this.#isStopped) return;
    let link = this.#dialled.get(address);
    if (link === undefined) {
      link = new DialledLink(address, this.#setup.options.redialMinMs);
      this.#dialled.set(address, link);
    }
    link.redial = null;
    link.connection = this.#environment.network.connect(address, this.#dialledHandler(link));
  }

  #forget(link: DialledLink): void {
    this.#dialled.delete(link.address);
    link.redial?.cancel();
    link.connection?.close('the group was formed');
  }

  #dialledHandler(link: DialledLink): ConnectionHandler {
    return {
      opened: () => {
        if (this.#dialled.get(link.address) !== link) return;
        link.connection?.send(encodeFrame({ kind: 'hello', introduction: this.#introduction() }));
      },
      received: (bytes) => {
        if (this.#isStopped || this.#dialled.get(link.address) !== link) return;
        const frame = decodeFrame(bytes);
        if (frame.kind === 'answer') this.#answered(link, frame);
        else link.connection?.close(`unexpected ${frame.kind}`);
      },
      closed: () => this.#dialledClosed(link),
    };
  }

  #answered(link: DialledLink, frame: Extract<Frame, { kind: 'answer' }>): void {
    const { introduction, refused } = frame;
    const connection = link.connection!;
    if (refused !== null) {
      this.#turnedAway(link.address, `it refuses us: ${refused}`);
      connection.close('refused');
      const areBothBootstrapping =
        introduction.formation === 'bootstrap' && this.#setup.formation?.kind === 'bootstrap';
      if (this.#definition === null && (introduction.groupId !== null || areBothBootstrapping)) this.#refuse(refused);
      return;
    }
    if (this.#definition === null) {
      this.#introduced.set(link.address, introduction);
      return this.#formIfComplete();
    }
    const peer = this.#definition.view.members.find((member) => member.memberId === introduction.memberId);
    if (peer === undefined || peer.groupAddress !== link.address) {
      const reason = `the member at ${link.address} (${introduction.memberId}) is not the one that the group has there; a member that lost its disk cannot return as the old one`;
      this.#turnedAway(link.address, reason);
      connection.send(encodeFrame({ kind: 'refused', reason }));
      return connection.close('another member id');
    }
    if (introduction.groupId === null) {
      connection.send(encodeFrame({ kind: 'definition', bytes: encodeDefinition(this.#definition) }));
      return;
    }
    link.redialMs = this.#setup.options.redialMinMs;
    link.isReady = true;
    this.#heard(peer.ordinal);
    this.#step({ kind: 'link-changed', peer: peer.ordinal, connected: true });
  }

  #dialledClosed(link: DialledLink): void {
    link.connection = null;
    const wasReady = link.isReady;
    link.isReady = false;
    if (this.#isStopped || this.#dialled.get(link.address) !== link) return;
    const { redialMaxMs } = this.#setup.options;
    const delayMs = link.redialMs + this.#environment.random.below(link.redialMs + 1);
    link.redialMs = Math.min(redialMaxMs, link.redialMs * 2);
    link.redial = this.#environment.clock.schedule(delayMs, () => this.#dial(link.address));
    const peer = this.#peers().find((member) => member.groupAddress === link.address);
    if (wasReady && peer !== undefined) {
      this.#step({ kind: 'link-changed', peer: peer.ordinal, connected: false });
    }
  }

  // Connections that a peer dialled: it is heard on them

  #acceptedHandler(link: AcceptedLink): ConnectionHandler {
    return {
      opened: () => {},
      received: (bytes) => {
        if (!this.#isStopped) this.#receivedFrame(link, decodeFrame(bytes));
      },
      closed: () => {
        this.#accepted.delete(link);
      },
    };
  }

  #receivedFrame(link: AcceptedLink, frame: ReturnType<typeof decodeFrame>): void {
    if (frame.kind === 'malformed') return link.connection.close(`malformed frame: ${frame.reason}`);
    if (frame.kind === 'hello') return this.#greeted(link, frame.introduction);
    if (link.introduction === null) return link.connection.close(`${frame.kind} before hello`);
    if (frame.kind === 'definition') return this.#offered(link, frame.bytes);
    if (frame.kind === 'refused') {
      this.#turnedAway(link.introduction.groupAddress, frame.reason);
      if (this.#definition === null) this.#refuse(frame.reason);
      return;
    }
    if (link.ordinal === null || frame.kind === 'answer') return link.connection.close(`unexpected ${frame.kind}`);
    if (this.#newestIncarnation.get(link.ordinal) !== link.introduction.incarnation) {
      return link.connection.close('an older incarnation');
    }
    this.#heard(link.ordinal);
    if (frame.kind === 'notice') return this.#events.noticed(link.ordinal, frame.bytes);
    const message = decodePeerMessage(frame.bytes);
    if (message.kind === 'malformed') return link.connection.close(`malformed message: ${message.reason}`);
    this.#step({ kind: 'received', from: link.ordinal, message });
  }

  #greeted(link: AcceptedLink, introduction: Introduction): void {
    if (link.introduction !== null) return link.connection.close('hello twice');
    link.introduction = introduction;
    const refused = this.#whyRefuse(introduction);
    link.connection.send(encodeFrame({ kind: 'answer', introduction: this.#introduction(), refused }));
    if (refused !== null) return this.#turnedAway(introduction.groupAddress, refused);
    if (introduction.groupId === null || this.#definition === null) return;
    link.ordinal = this.#ordinalOf(introduction.memberId);
    this.#newestIncarnation.set(link.ordinal, introduction.incarnation);
    this.#heard(link.ordinal);
  }

  #whyRefuse(introduction: Introduction): string | null {
    const { protocolVersion, groupId, memberId, incarnation } = introduction;
    if (protocolVersion !== GROUP_PROTOCOL_VERSION) {
      return `group protocol version ${protocolVersion} is not ${GROUP_PROTOCOL_VERSION}`;
    }
    if (memberId === this.#setup.memberId)
      return 'this is the same member: its data directory was copied, or it dials itself';
    if (this.#definition === null) {
      if (introduction.formation === 'bootstrap' && this.#setup.formation?.kind === 'bootstrap') {
        return 'both members were started with --bootstrap: only one of a group is; start all others with --seeds alone';
      }
      return null;
    }
    const { groupName, view } = this.#definition;
    if (groupId !== null && groupId !== this.#definition.groupId) {
      return `it belongs to another group (this one is ${groupName}, ${this.#definition.groupId})`;
    }
    if (!view.members.some((member) => member.memberId === memberId)) {
      return `the group ${groupName} was created without member ${memberId}, and its members are fixed`;
    }
    const newest = this.#newestIncarnation.get(this.#ordinalOf(memberId)) ?? 0;
    return incarnation < newest ? `incarnation ${incarnation} is older than ${newest}` : null;
  }

  #offered(link: AcceptedLink, bytes: Uint8Array): void {
    if (this.#definition !== null) return link.connection.close('there is a definition already');
    const decoded = decodeDefinition(bytes);
    if (decoded.kind === 'malformed') return link.connection.close(`malformed definition: ${decoded.reason}`);
    const { memberId, groupAddress, formation } = this.#setup;
    const self = decoded.definition.view.members.find((member) => member.memberId === memberId);
    if (self === undefined || self.groupAddress !== groupAddress || formation?.kind !== 'seeds') {
      return link.connection.close('the definition does not fit this member');
    }
    this.#storeDefinition(decoded.definition);
  }

  // Consensus

  /**
   * Inputs are taken in their order; one that arises inside a step waits for its end. What peers and the disk say waits
   * for the end of the turn, so that what arrives together is answered together.
   */
  #step(input: ConsensusInput): void {
    if (this.#consensus === null || this.#isStopped) return;
    this.#inputs.push(input);
    if (input.kind !== 'received' && input.kind !== 'durable') return this.#takeInputs();
    if (this.#isTakingScheduled) return;
    this.#isTakingScheduled = true;
    this.#environment.clock.schedule(0, () => {
      this.#isTakingScheduled = false;
      this.#takeInputs();
    });
  }

  #takeInputs(): void {
    const consensus = this.#consensus!;
    if (this.#isStepping) return;
    this.#isStepping = true;
    while (this.#inputs.length > 0 && !this.#isStopped) {
      const count = mergeableCount(this.#inputs);
      const inputs = this.#inputs.splice(0, Math.max(1, count));
      const now = this.#now();
      this.#do(count > 1 ? consensus.stepAll(inputs, now) : consensus.step(inputs[0]!, now));
    }
    this.#isStepping = false;
    this.#showStatus(consensus);
  }

  #do(effects: Effects): void {
    for (const request of effects.persist) this.#log.persist(request);
    for (const { to, message } of effects.send) {
      const link = this.#dialled.get(this.#definition!.view.members[to]!.groupAddress);
      if (link?.isReady) this.#send(link, encodeFrame({ kind: 'peer', bytes: encodePeerMessage(message) }));
    }
    for (const entry of effects.deliver) {
      if (this.#isStopped) return;
      this.#events.delivered(entry);
    }
    if (effects.moreToDeliver) this.#environment.clock.schedule(0, () => this.#step({ kind: 'continue' }));
  }

  #showStatus({ role, term, leader, caughtUp, hasQuorum }: GroupHeadline): void {
    const shown = this.#shown;
    if (
      (role === shown.role &&
        term === shown.term &&
        leader === shown.leader &&
        caughtUp === shown.caughtUp &&
        hasQuorum === shown.hasQuorum) ||
      this.#isStopped
    ) {
      return;
    }
    this.#shown = { role, term, leader, caughtUp, hasQuorum };
    this.#events.statusChanged(this.#shown);
  }

  #send(link: DialledLink, bytes: Uint8Array): void {
    const connection = link.connection!;
    if (connection.bufferedBytes > this.#setup.options.peerBufferBytesMax) {
      return connection.close('the peer takes frames too slowly');
    }
    connection.send(bytes);
  }

  #scheduleTick(): void {
    this.#tick = this.#environment.clock.schedule(this.#setup.options.tickMs, () => {
      if (this.#isStopped) return;
      this.#step({ kind: 'tick' });
      this.#judgeReachability();
      this.#scheduleTick();
    });
  }

  #heard(peer: MemberOrdinal): void {
    this.#heardMs.set(peer, this.#environment.clock.monotonicMs());
    if (this.#reachable.get(peer) !== true) this.#setReachable(peer, true);
  }

  #judgeReachability(): void {
    const limitMs = this.#environment.clock.monotonicMs() - this.#setup.options.unreachableAfterMs;
    for (const [peer, heardMs] of this.#heardMs) {
      if (heardMs < limitMs && this.#reachable.get(peer) === true) this.#setReachable(peer, false);
    }
  }

  #setReachable(peer: MemberOrdinal, reachable: boolean): void {
    this.#reachable.set(peer, reachable);
    this.#events.reachabilityChanged(this.#definition!.view.members[peer]!, reachable);
  }

  #now(): { monotonicMs: number; wallMs: number } {
    const { clock } = this.#environment;
    return { monotonicMs: clock.monotonicMs(), wallMs: clock.wallMs() };
  }

  #peers(): readonly GroupMember[] {
    return this.#definition?.view.members.filter((member) => member !== this.#self) ?? [];
  }

  #ordinalOf(memberId: MemberId): MemberOrdinal {
    const member = this.#definition!.view.members.find((each) => each.memberId === memberId);
    assert(member !== undefined, 'a peer that was let in is in the list');
    return member.ordinal;
  }

  #introduction(): Introduction {
    const { memberId, incarnation, groupAddress, host, port, formation } = this.#setup;
    return {
      protocolVersion: GROUP_PROTOCOL_VERSION,
      memberId,
      incarnation,
      groupId: this.#definition?.groupId ?? null,
      formation: this.#definition === null ? (formation?.kind ?? null) : null,
      groupAddress,
      host,
      port,
    };
  }
}

/** How many inputs from the first on may be taken together. */
function mergeableCount(inputs: readonly ConsensusInput[]): number {
  let count = 0;
  while (count < inputs.length && isMergeable(inputs[count]!)) count++;
  return count;
}

class DialledLink {
  readonly address: string;
  connection: Connection | null = null;
  redial: ScheduledCall | null = null;
  redialMs: number;
  /** The peer has answered and is the one that the group has there. */
  isReady = false;

  constructor(address: string, redialMs: number) {
    this.address = address;
    this.redialMs = redialMs;
  }
}

class AcceptedLink {
  readonly connection: Connection;
  introduction: Introduction | null = null;
  /** Set once the peer is known as a member of this group. */
  ordinal: MemberOrdinal | null = null;

  constructor(connection: Connection) {
    this.connection = connection;
  }
}
