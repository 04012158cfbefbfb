/**
 * The connections of a member's group port, in both directions: who is let in, whom it speaks to, and what is heard.
 *
 * Every member dials every other and sends on the connection that it dialled. A frame that comes in on an accepted one
 * is from the stay that introduced itself there, in the newest incarnation seen of it. One whose stay is over is told
 * so, with the view that it is not in, and not heard (H15, R5).
 */
import type {
  Connection,
  ConnectionHandler,
  Environment,
  Incarnation,
  MemberId,
  MemberOrdinal,
} from '../../base/index.ts';
import type { PeerMessage } from '../consensus/peer-message.ts';
import type { TransferServer } from '../transfer/transfer-server.ts';
import type { GroupView } from '../types.ts';
import { encodeBelonging } from './definition.ts';
import { type DialledLink, Dialler } from './dialler.ts';
import {
  type Answer,
  decodeFrame,
  encodeFrame,
  encodePeerFrame,
  type Frame,
  GROUP_PROTOCOL_VERSION,
  type Introduction,
} from './handshake.ts';
import type { Applicant } from './membership.ts';
import { isOver, type Roster } from './roster.ts';

export interface ConnectionsSetup {
  readonly environment: Environment;
  readonly options: {
    readonly redialMinMs: number;
    readonly redialMaxMs: number;
    readonly peerBufferBytesMax: number;
    readonly messageBytesMax: number;
  };
  readonly memberId: MemberId;
  readonly owner: ConnectionsOwner;
  readonly transfers: TransferServer;
}

/** What the connections tell, and ask. */
export interface ConnectionsOwner {
  introduction(): Introduction;
  /** Null while this member belongs to no group. */
  readonly roster: Roster | null;
  /** It asks to be let in, again: for a first stay or for another one. */
  readonly isJoining: boolean;
  /** It gives entries to whoever lacks them, and takes no part in the order. */
  readonly isLending: boolean;
  linkChanged(peer: MemberOrdinal, isConnected: boolean): void;
  /** `isBusy`: whether it restores itself or receives its state; null: this does not tell. */
  heard(peer: MemberOrdinal, isBusy: boolean | null): void;
  received(peer: MemberOrdinal, message: Uint8Array): string | null;
  noticed(peer: MemberOrdinal, bytes: Uint8Array): void;
  applied(applicant: Applicant): void;
  askedToRemove(ordinal: MemberOrdinal, by: MemberOrdinal): void;
  couldNotRemove(ordinal: MemberOrdinal, problem: string): void;
  /** By a peer's word; newer than what the roster knows, or its own end. */
  viewLearnt(view: GroupView): void;
  /** Who answered there, to one without a group. */
  met(address: string, introduction: Introduction): void;
  /** `isAskedFor`: by one who was dialled to be asked. */
  offered(belonging: Uint8Array, isAskedFor: boolean): void;
  toldToWait(leader: string | null): void;
  /** `isFinal`: whoever says so speaks for the group. */
  turnedAway(address: string, reason: string, isFinal: boolean): void;
}

interface AcceptedLink {
  readonly connection: Connection;
  introduction: Introduction | null;
  /** Set once the peer is known as a member of this group. */
  ordinal: MemberOrdinal | null;
  isTransfer: boolean;
  /** Number of the newest view that the peer has told, or was told. */
  viewNumber: number;
  /** When something came on it. Monotonic. */
  heardMs: number;
}

/** Addresses whose refusal is remembered, so as not to be reported again. */
const TURNED_AWAY_MAX = 1000;

export class Connections {
  readonly #setup: ConnectionsSetup;
  readonly #owner: ConnectionsOwner;
  readonly #dialler: Dialler;
  readonly #accepted = new Set<AcceptedLink>();
  readonly #turnedAwayFor = new Map<string, string>();
  readonly #newestIncarnation = new Map<MemberOrdinal, Incarnation>();
  #isStopped = false;

  constructor(setup: ConnectionsSetup) {
    const { options, environment } = setup;
    this.#setup = setup;
    this.#owner = setup.owner;
    this.#dialler = new Dialler({
      environment,
      redialMinMs: options.redialMinMs,
      redialMaxMs: options.redialMaxMs,
      bufferBytesMax: options.peerBufferBytesMax,
      hello: () => ({ kind: 'hello', introduction: this.#owner.introduction(), purpose: 'group' }),
      answered: (link, answer) => this.#answered(link, answer),
      received: (link, frame) => this.#answeredMore(link, frame),
      closed: (_link, wasReady) => {
        if (wasReady !== null) this.#owner.linkChanged(wasReady, false);
      },
    });
  }

  listen(): void {
    this.#setup.environment.network.listen((connection) => this.#accept(connection));
  }

  want(addresses: ReadonlySet<string>): void {
    this.#dialler.want(addresses);
  }

  /** Introduces itself anew to everybody: it has become another. */
  restart(): void {
    for (const link of [...this.#accepted]) this.#close(link, 'introducing itself anew');
    this.#dialler.restart();
  }

  get connected(): Iterable<MemberOrdinal> {
    return this.#dialler.readyOrdinals;
  }

  isConnected(ordinal: MemberOrdinal): boolean {
    return this.#dialler.linkTo(ordinal) !== null;
  }

  /** Dropped silently where there is no connection. */
  sendTo(ordinal: MemberOrdinal, frame: Frame): void {
    if (this.isConnected(ordinal)) this.#dialler.sendTo(ordinal, encodeFrame(frame));
  }

  sendMessage(ordinal: MemberOrdinal, message: PeerMessage): void {
    if (this.isConnected(ordinal)) this.#dialler.sendTo(ordinal, encodePeerFrame(message));
  }

  sendToAll(frame: Frame): void {
    const bytes = encodeFrame(frame);
    for (const ordinal of [...this.#dialler.readyOrdinals]) this.#dialler.sendTo(ordinal, bytes.slice());
  }

  /** Asks whoever has answered as a member of a group to be let in. */
  askToJoin(): void {
    for (const link of this.#dialler.links) this.#askToJoin(link);
  }

  /** It was seen as a member that has its group on its disk. */
  hasBelonged(ordinal: MemberOrdinal): boolean {
    return this.#newestIncarnation.has(ordinal);
  }

  /** Now and then: shows that this member is there, and gives up connections on which nobody else is, in both directions. */
  showPresence(isBusy: boolean, silenceMs: number): void {
    const limitMs = this.#setup.environment.clock.monotonicMs() - silenceMs;
    this.#dialler.closeSilent(silenceMs);
    for (const link of [...this.#accepted]) if (link.heardMs < limitMs) this.#close(link, 'the peer is silent');
    this.sendToAll({ kind: 'present', isBusy });
  }

  /** This process did: that nothing was heard says nothing. */
  stoodStill(): void {
    this.#dialler.excuseSilence();
    const nowMs = this.#setup.environment.clock.monotonicMs();
    for (const link of this.#accepted) link.heardMs = nowMs;
  }

  /** Tells those whose stay is over in `view`, and hears them no more. */
  dropFormer(view: GroupView): void {
    for (const link of [...this.#accepted]) {
      if (link.ordinal === null || !isOver(view, link.ordinal)) continue;
      this.#close(link, 'its stay is over');
    }
    for (const ordinal of [...this.#newestIncarnation.keys()]) {
      if (isOver(view, ordinal)) this.#newestIncarnation.delete(ordinal);
    }
    for (const ordinal of [...this.#dialler.readyOrdinals]) {
      if (isOver(view, ordinal)) this.sendTo(ordinal, { kind: 'expelled', view });
    }
  }

  stop(): void {
    this.#isStopped = true;
    this.#dialler.stop();
    for (const link of [...this.#accepted]) this.#close(link, 'stopping');
  }

  // Dialled

  #answered(link: DialledLink, answer: Answer): void {
    const { introduction, refused, view } = answer;
    const { roster } = this.#owner;
    if (refused !== null) {
      const isGroup = introduction.groupId !== null;
      const areBothBootstrapping =
        introduction.formation === 'bootstrap' && this.#owner.introduction().formation === 'bootstrap';
      link.connection?.close('refused');
      return this.#turnedAway(link.address, `it refuses us: ${refused}`, {
        finalReason: roster === null && (isGroup || areBothBootstrapping) ? refused : null,
      });
    }
    if (roster === null) {
      this.#owner.met(link.address, introduction);
      return introduction.groupId === null ? undefined : this.#askToJoin(link);
    }
    if (introduction.groupId === null) return this.#answeredByStranger(link, introduction, roster);
    if (introduction.groupId !== roster.belonging.definition.groupId) {
      link.connection?.close('another group');
      return this.#turnedAway(link.address, `the member at ${link.address} belongs to another group`);
    }
    if (view !== null) this.#owner.viewLearnt(view);
    // What was learnt may have ended this run, or the wish for this connection.
    if (this.#isStopped || link.answer !== answer) return;
    if (this.#owner.isJoining) return this.#askToJoin(link);
    const { ordinal, memberId } = introduction;
    const standing = roster.standing(introduction);
    // It does not know yet, and will hear it from us when it dials.
    if (standing === 'over') return link.connection?.close('its stay is over');
    if (standing === 'another' || (standing === 'member' && roster.memberOf(ordinal!)?.groupAddress !== link.address)) {
      link.connection?.close('another member');
      return this.#turnedAway(link.address, `the member at ${link.address} (${memberId}) is not the one of the group`);
    }
    this.#dialler.makeReady(link, ordinal!);
    this.#owner.linkChanged(ordinal!, true);
  }

  #answeredByStranger(link: DialledLink, introduction: Introduction, roster: Roster): void {
    const member = roster.peers.find((each) => each.groupAddress === link.address);
    if (member?.memberId === introduction.memberId && !this.hasBelonged(member.ordinal)) {
      const bytes = encodeBelonging({ ...roster.belonging, self: member.ordinal, view: roster.chosen });
      return this.#dialler.send(link, encodeFrame({ kind: 'belonging', bytes }));
    }
    link.connection?.close('another member');
    this.#turnedAway(
      link.address,
      `the member at ${link.address} (${introduction.memberId}) is not the one that the group has there; a member that lost its disk joins as a new one`,
    );
  }

  #askToJoin(link: DialledLink): void {
    const groupId = link.answer?.introduction.groupId ?? null;
    const ours = this.#owner.roster?.belonging.definition.groupId ?? groupId;
    if (!this.#owner.isJoining || groupId === null || groupId !== ours) return;
    this.#dialler.send(link, encodeFrame({ kind: 'join' }));
  }

  #answeredMore(link: DialledLink, frame: Exclude<Frame, Answer>): void {
    switch (frame.kind) {
      case 'belonging':
        return this.#owner.offered(frame.bytes, true);
      case 'present':
        return;
      case 'wait':
        return this.#owner.toldToWait(frame.leader);
      case 'refused':
        return this.#turnedAway(link.address, `it refuses us: ${frame.reason}`, {
          finalReason: this.#owner.isJoining ? frame.reason : null,
        });
      default:
        link.connection?.close(`unexpected ${frame.kind}`);
    }
  }

  // Accepted

  #accept(connection: Connection): ConnectionHandler {
    const { clock } = this.#setup.environment;
    const heardMs = clock.monotonicMs();
    const link: AcceptedLink = {
      connection,
      introduction: null,
      ordinal: null,
      isTransfer: false,
      viewNumber: 0,
      heardMs,
    };
    if (this.#isStopped) connection.close('stopping');
    else this.#accepted.add(link);
    return {
      opened: () => {},
      received: (bytes) => {
        if (!this.#accepted.has(link)) return;
        link.heardMs = clock.monotonicMs();
        this.#received(link, decodeFrame(bytes));
      },
      closed: () => this.#forget(link),
    };
  }

  #close(link: AcceptedLink, reason: string): void {
    this.#forget(link);
    link.connection.close(reason);
  }

  #forget(link: AcceptedLink): void {
    this.#accepted.delete(link);
    if (link.isTransfer) this.#setup.transfers.closed(link.connection);
  }

  #received(link: AcceptedLink, frame: ReturnType<typeof decodeFrame>): void {
    if (frame.kind === 'malformed') return this.#close(link, `malformed frame: ${frame.reason}`);
    if (frame.kind === 'hello') {
      if (link.introduction !== null) return this.#close(link, 'hello twice');
      return this.#greeted(link, frame);
    }
    const { introduction, ordinal } = link;
    if (introduction === null) return this.#close(link, `${frame.kind} before hello`);
    if (frame.kind === 'belonging') return this.#owner.offered(frame.bytes, false);
    if (frame.kind === 'join') return this.#join(link, introduction);
    if (ordinal === null) return this.#close(link, `unexpected ${frame.kind}`);
    if (this.#newestIncarnation.get(ordinal) !== introduction.incarnation) {
      return this.#close(link, 'an older incarnation');
    }
    this.#owner.heard(ordinal, whetherBusy(frame, link));
    if (link.isTransfer) {
      if (frame.kind === 'present') this.#tellView(link);
      return this.#setup.transfers.received(link.connection, frame);
    }
    switch (frame.kind) {
      case 'present':
        return link.connection.send(encodeFrame({ kind: 'present', isBusy: false }));
      case 'notice':
        return this.#owner.noticed(ordinal, frame.bytes);
      case 'peer': {
        const problem = this.#owner.received(ordinal, frame.bytes);
        if (problem !== null) this.#close(link, `malformed message: ${problem}`);
        return;
      }
      case 'remove':
        return this.#owner.askedToRemove(frame.ordinal, ordinal);
      case 'remove-problem':
        return this.#owner.couldNotRemove(frame.ordinal, frame.problem);
      case 'expelled':
        return this.#owner.viewLearnt(frame.view);
      default:
        return this.#close(link, `unexpected ${frame.kind}`);
    }
  }

  #greeted(link: AcceptedLink, { introduction, purpose }: Extract<Frame, { kind: 'hello' }>): void {
    link.introduction = introduction;
    if (purpose === 'group' && this.#owner.isLending) return this.#close(link, 'its directory is not whole yet');
    const { roster } = this.#owner;
    const refused = this.#whyRefuse(introduction);
    const isOfGroup = refused === null && roster !== null && introduction.groupId !== null;
    const standing = isOfGroup ? roster.standing(introduction) : null;
    const isJoining = introduction.formation !== null;
    const isExpelled = standing === 'over' && !isJoining;
    const isNewer = isOfGroup && roster.chosen.number > introduction.viewNumber;
    link.connection.send(
      encodeFrame({
        kind: 'answer',
        introduction: this.#owner.introduction(),
        refused,
        isExpelled,
        view: isExpelled || isNewer ? roster!.chosen : null,
      }),
    );
    if (refused !== null) return this.#turnedAway(introduction.groupAddress, refused);
    if (purpose === 'group') this.#dialler.metAt(introduction.groupAddress, introduction);
    if (standing !== 'member' && standing !== 'ahead') return;
    const ordinal = introduction.ordinal!;
    link.ordinal = ordinal;
    this.#newestIncarnation.set(ordinal, introduction.incarnation);
    this.#owner.heard(ordinal, null);
    if (purpose === 'transfer') {
      link.isTransfer = true;
      link.viewNumber = Math.max(introduction.viewNumber, isNewer ? roster!.chosen.number : 0);
      this.#setup.transfers.accepted(link.connection);
    } else if (standing === 'ahead' && roster!.learnAhead(ordinal, introduction.groupAddress)) {
      this.#dialler.want(roster!.addresses());
    }
  }

  /** To one that receives, for long perhaps, and hears of no order: whom it could ask changes meanwhile. */
  #tellView(link: AcceptedLink): void {
    const { roster } = this.#owner;
    if (roster === null || roster.chosen.number <= link.viewNumber) return;
    link.viewNumber = roster.chosen.number;
    link.connection.send(encodeFrame({ kind: 'view', view: roster.chosen }));
  }

  #whyRefuse(introduction: Introduction): string | null {
    const { protocolVersion, groupId, memberId, ordinal, incarnation, formation, groupAddress } = introduction;
    if (protocolVersion !== GROUP_PROTOCOL_VERSION) {
      return `group protocol version ${protocolVersion} is not ${GROUP_PROTOCOL_VERSION}`;
    }
    if (memberId === this.#setup.memberId) {
      return 'this is the same member: its data directory was copied, or it dials itself';
    }
    const { messageBytesMax } = this.#setup.options;
    if (introduction.messageBytesMax !== messageBytesMax) {
      return `the member at ${groupAddress} takes messages of up to ${introduction.messageBytesMax} bytes, the one that it asks of up to ${messageBytesMax}: all members of a group need the same bound`;
    }
    const { roster } = this.#owner;
    if (roster === null) {
      return formation === 'bootstrap' && this.#owner.introduction().formation === 'bootstrap'
        ? 'both members were started with --bootstrap: only one of a group is; start all others with --seeds alone'
        : null;
    }
    const { groupName, groupId: ours } = roster.belonging.definition;
    if (groupId === null) {
      return formation === 'bootstrap'
        ? `the group ${groupName} is there already: start with --seeds alone to join it`
        : null;
    }
    if (groupId !== ours) return `it belongs to another group (this one is ${groupName}, ${ours})`;
    if (roster.standing(introduction) === 'another') {
      return `in the group ${groupName} member ${ordinal} is another one: the data directory was mixed up`;
    }
    const newest = this.#newestIncarnation.get(ordinal!) ?? 0;
    return incarnation < newest ? `incarnation ${incarnation} is older than ${newest}` : null;
  }

  #join(link: AcceptedLink, introduction: Introduction): void {
    const { connection } = link;
    const { roster } = this.#owner;
    if (introduction.formation === null || roster === null) return this.#close(link, 'unexpected join');
    this.#owner.applied({
      introduction,
      wait: (leader) => connection.send(encodeFrame({ kind: 'wait', leader })),
      refuse: (reason) => {
        connection.send(encodeFrame({ kind: 'refused', reason }));
        this.#turnedAway(introduction.groupAddress, reason);
      },
      admit: (ordinal, view) => {
        const bytes = encodeBelonging({ ...roster.belonging, self: ordinal, view });
        connection.send(encodeFrame({ kind: 'belonging', bytes }));
      },
    });
  }

  /** Once for each address and reason: who was turned away dials again and again. */
  #turnedAway(address: string, reason: string, { finalReason = null as string | null } = {}): void {
    if (finalReason !== null) return this.#owner.turnedAway(address, finalReason, true);
    if (this.#turnedAwayFor.get(address) === reason) return;
    if (this.#turnedAwayFor.size >= TURNED_AWAY_MAX) this.#turnedAwayFor.clear();
    this.#turnedAwayFor.set(address, reason);
    this.#owner.turnedAway(address, reason, false);
  }
}

/** Who takes part in the order says so by what it sends. */
function whetherBusy(frame: Frame, link: AcceptedLink): boolean | null {
  if (frame.kind === 'present') return frame.isBusy;
  return link.isTransfer ? null : false;
}
