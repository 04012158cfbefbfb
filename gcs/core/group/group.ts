/**
 * Group communication of one member: it forms or joins the group, holds the connections to its peers, and drives the
 * consensus core over the segment log. Above it there are bytes in total order, and the views between them.
 *
 * What happens in a run, in this order: `prepare` reads the directory; `open` listens and dials, and comes to a group if
 * there is none (joining.ts); `formed`; `start`, when the owner has restored itself, after which it takes part in the
 * order. A run ends by `stop`, or by one of the final events, after which nothing is told any more.
 */
import type { LogIndex, MemberOrdinal } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { Consensus, ConsensusInput, ConsensusStatus } from '../consensus/consensus.ts';
import { decodePeerMessage } from '../consensus/peer-message.ts';
import type { LogDamage } from '../log/contract.ts';
import type { SegmentLog } from '../log/segment-log.ts';
import type { Belonging, OpenState } from '../transfer/contract.ts';
import { EntrySource } from '../transfer/entry-stream.ts';
import type { Unavailable } from '../transfer/frames.ts';
import { TransferServer } from '../transfer/transfer-server.ts';
import type { GroupDefinition, GroupMember, GroupView } from '../types.ts';
import { memberOf } from '../views.ts';
import { Changes } from './changes.ts';
import { Connections } from './connections.ts';
import type { GroupEvents, GroupSetup, LogPin } from './contract.ts';
import { decodeBelonging } from './definition.ts';
import { type Directory, readDirectory } from './directory.ts';
import { GroupFile } from './group-file.ts';
import { GROUP_PROTOCOL_VERSION, type Introduction } from './handshake.ts';
import { Headline } from './headline.ts';
import { Joining } from './joining.ts';
import { Liveness } from './liveness.ts';
import { Participation } from './participation.ts';
import type { RemovalOutcome } from './removals.ts';
import { Retention } from './retention.ts';
import { isOver, Roster } from './roster.ts';
import { RunEnd } from './run-end.ts';
import { Ticks } from './ticks.ts';

export type Prepared =
  | { readonly kind: 'prepared'; readonly group: Group }
  | { readonly kind: 'refused'; readonly reason: string };

export class Group {
  readonly #setup: GroupSetup;
  readonly #events: GroupEvents;
  readonly #log: SegmentLog;
  readonly #file: GroupFile;
  readonly #connections: Connections;
  readonly #transfers: TransferServer;
  readonly #liveness: Liveness;
  readonly #changes: Changes;
  readonly #retention: Retention;
  readonly #ticks: Ticks;
  readonly #run: RunEnd;
  /** Found by `prepare`. Where it is not null, this run does not `start`: its owner repairs the log, for the next one. */
  readonly damage: LogDamage | null;
  #roster: Roster | null = null;
  /** While this member has no stay in the group. */
  #joining: Joining | null = null;

  #participation: Participation | null = null;
  readonly #headline = new Headline();
  #appendedView: GroupView | null = null;

  #isOpen = false;
  /** Not a part of the order, nor dialling anybody: entries up to there are given to whoever lacks them. Null: it takes part, or will. */
  #lendsUpTo: LogIndex | null = null;

  /** Reads the directory. Nothing is sent or written before `open`. */
  static prepare(setup: GroupSetup): Prepared {
    const read = readDirectory(setup);
    return read.kind === 'refused' ? read : { kind: 'prepared', group: new Group(setup, read) };
  }

  private constructor(setup: GroupSetup, { log, damage, belonging }: Directory) {
    const { environment, options, formation, events, memberId, groupAddress } = setup;
    this.#setup = setup;
    this.#events = events;
    this.#log = log;
    this.#run = new RunEnd({
      clock: environment.clock,
      electionTimeoutMs: options.consensus.electionTimeoutMs,
      canHandOver: () => this.#canHandOver(),
      handOver: () => this.#step({ kind: 'transfer-leadership', to: null }),
      stopping: () => this.#changes.end(),
      letGo: (closed) => this.#letGo(closed),
    });
    this.#file = new GroupFile({
      disk: environment.disk,
      clock: environment.clock,
      noRoom: () => events.roomChanged(false),
      failed: (error) => this.#end(() => events.failed(error)),
    });
    this.damage = damage;
    const latest = belonging !== null && damage === null ? log.viewAt(log.lastIndex) : null;
    if (belonging !== null) {
      const ofLog = log.base.view;
      const chosen = ofLog !== null && ofLog.number > belonging.view.number ? ofLog : belonging.view;
      this.#roster = new Roster({ belonging, chosen, groupAddress });
      // It may not be chosen; but its members are asked.
      if (latest !== null) this.#roster.setAppended(latest);
    }
    if (formation !== null && (belonging === null || formation.kind === 'rejoin')) {
      this.#joining = new Joining(setup, formation);
      if (belonging !== null) this.#joining.remember(belonging.view.members);
      if (latest !== null) this.#joining.remember(latest.members);
    }
    this.#liveness = new Liveness(options.unreachableAfterMs, (peer, isReachable) => {
      const member = this.#roster?.memberOf(peer);
      if (member !== undefined && !this.#run.isStopped) events.reachabilityChanged(member, isReachable);
    });
    this.#changes = new Changes({
      options,
      liveness: this.#liveness,
      roster: () => this.#roster,
      consensus: () => this.#consensus,
      connections: () => this.#connections,
      nowMs: () => this.#nowMs(),
      step: (input) => this.#step(input),
    });
    this.#retention = new Retention(log, options);
    this.#transfers = new TransferServer({
      clock: environment.clock,
      options: options.transfer,
      openEntries: (range) => this.#openEntries(range),
      pinLog: () => this.pinLog(),
    });
    const group = this;
    this.#connections = new Connections({
      environment,
      options,
      memberId,
      transfers: this.#transfers,
      owner: {
        introduction: () => this.#introduction(),
        get roster() {
          return group.#roster;
        },
        get isJoining() {
          return group.#joining !== null;
        },
        get isLending() {
          return group.#lendsUpTo !== null;
        },
        linkChanged: (peer, isConnected) => this.#step({ kind: 'link-changed', peer, connected: isConnected }),
        heard: (peer, isBusy) => this.#heard(peer, isBusy),
        received: (peer, bytes) => this.#received(peer, bytes),
        noticed: (peer, bytes) => {
          if (this.#roster?.memberOf(peer) !== undefined) events.noticed(peer, bytes);
        },
        applied: (applicant) => this.#changes.applied(applicant),
        askedToRemove: (ordinal, by) => this.#changes.askedToRemove(ordinal, by),
        couldNotRemove: (ordinal, problem) => this.#changes.couldNotRemove(ordinal, problem),
        viewLearnt: (view) => this.#learnChosen(view),
        met: (address, introduction) => {
          this.#joining?.met(address, introduction);
          this.#foundIfComplete();
          this.#takeWithheld();
        },
        offered: (bytes, isAskedFor) => this.#offered(bytes, isAskedFor),
        toldToWait: (leader) => {
          if (leader !== null && this.#joining?.hint(leader)) this.#dial();
        },
        turnedAway: (address, reason, isFinal) => {
          events.refusedPeer(address, reason);
          if (isFinal && this.#joining !== null) this.#end(() => events.refused(reason));
        },
      },
    });
    this.#ticks = new Ticks({
      clock: environment.clock,
      options,
      log,
      liveness: this.#liveness,
      changes: this.#changes,
      connections: this.#connections,
      transfers: this.#transfers,
      group: {
        get isStopped() {
          return group.#run.isStopped;
        },
        get isJoining() {
          return group.#joining !== null;
        },
        get participation() {
          return group.#participation;
        },
        truncate: () => this.#truncate(),
        storeView: () => this.#file.storeView(this.#roster!.belonging, this.#roster!.chosen),
      },
    });
    log.onDurable = (number) => this.#step({ kind: 'durable', number });
    log.onHardStateDurable = (number) => this.#step({ kind: 'hard-state-durable', number });
    log.onFailed = (error) => this.#end(() => events.failed(error));
    log.onDamaged = (record) => {
      environment.clock.schedule(0, () => this.#end(() => events.failed(record)));
    };
    log.onRoomChanged = (hasRoom) => {
      this.#step({ kind: 'disk-full', full: !hasRoom });
      if (!this.#run.isStopped) events.roomChanged(hasRoom);
    };
  }

  /** The group's log: for the owner's replay, and, where it is damaged, for its repair. */
  get log(): SegmentLog {
    return this.#log;
  }

  get logStatus(): SegmentLog['status'] {
    return this.#log.status;
  }

  get definition(): GroupDefinition | null {
    return this.#roster?.belonging.definition ?? null;
  }

  /** Its group and its stay, as its directory has them; null: none. */
  get belonging(): Belonging | null {
    return this.#roster?.belonging ?? null;
  }

  /** The newest view that is known to be chosen, here or by the word of a peer; null: of no group. */
  get view(): GroupView | null {
    return this.#roster?.chosen ?? null;
  }

  /** This member in it, or as it last was. */
  get self(): GroupMember | null {
    return this.#roster?.self ?? null;
  }

  /** Null before `start`. */
  get status(): ConsensusStatus | null {
    return this.#consensus?.status() ?? null;
  }

  /** Listens, dials, and either goes on with the group of this directory or begins to come to one. */
  open(): void {
    assert(!this.#isOpen, 'opened once');
    this.#isOpen = true;
    this.#connections.listen();
    this.#dial();
    this.#ticks.schedule();
    if (this.#joining === null) this.#events.formed(this.definition!, this.self!);
    else this.#foundIfComplete();
  }

  /**
   * Instead of `open`, while the owner makes the directory whole: of the log, which may have holes, what can be read up to
   * `chosenUpTo` is given to whoever asks, since all members may have lost something. `chosenUpTo`: known to be chosen;
   * 0: nothing any more, since the log is about to be replaced.
   */
  lend(chosenUpTo: LogIndex): void {
    assert(!this.#isOpen || this.#lendsUpTo !== null, 'it takes no part in the order');
    this.#lendsUpTo = chosenUpTo;
    if (this.#run.isStopped) return;
    if (chosenUpTo === 0) this.#transfers.stop();
    if (this.#isOpen) return;
    this.#isOpen = true;
    this.#connections.listen();
    this.#ticks.schedule();
  }

  /**
   * Takes part in the order from here on. `chosenUpTo`: the log up to there is known to be chosen and the owner has
   * replayed it; deliveries go on behind it. Not below what the owner said that it needs the log from, in earlier runs, too:
   * the parts of what is completed before are not kept.
   */
  start(chosenUpTo: LogIndex): void {
    const roster = this.#roster;
    assert(this.#consensus === null && roster !== null && this.#joining === null, 'started once, after forming');
    assert(this.damage === null, 'who takes part has a log that is whole');
    assert(chosenUpTo <= this.#log.lastIndex, 'what was delivered is in the log');
    if (this.#run.isStopped) return;
    const log = this.#log;
    const { options, environment, compression, incarnation, events } = this.#setup;
    const from = Math.max(chosenUpTo, log.base.index);
    const foundingView = roster.belonging.definition.view;
    this.#participation = new Participation({
      clock: environment.clock,
      random: environment.random,
      log,
      compression,
      options,
      self: roster.ordinal,
      incarnation,
      foundingView,
      chosenUpTo: from,
      events: {
        send: (to, message) => this.#connections.sendMessage(to, message),
        growing: (payload, taken) => events.growing?.(payload, taken),
        delivered: (delivery) => events.delivered(delivery),
        viewChanged: (view, index) => {
          events.viewChanged(view, index);
          this.#learnChosen(view);
        },
        stepped: () => this.#stepped(),
      },
    });
    const viewIndex = log.viewIndexes().findLast((index) => index <= from);
    events.viewChanged(log.viewAt(from) ?? foundingView, viewIndex ?? (log.base.view === null ? 0 : log.base.index));
    for (const peer of [...this.#connections.connected]) this.#step({ kind: 'link-changed', peer, connected: true });
    if (!log.hasRoom) this.#step({ kind: 'disk-full', full: true });
    this.#step({ kind: 'tick' });
    // A state that was received may be from behind the end of this member's stay: no view will tell of it any more.
    if (roster.isOver) {
      environment.clock.schedule(0, () => {
        if (!this.#run.isStopped) this.#isOver(roster.chosen);
      });
    }
  }

  /** Whether `broadcast` has room. */
  canBroadcast(): boolean {
    return !this.#run.isStopping && (this.#participation?.canBroadcast() ?? false);
  }

  /**
   * Hands bytes to the group for total order; they come back by `delivered`, once, if ever, with the ticket that this
   * returns. Only if `canBroadcast()`. The caller leaves `payload` alone from now on.
   */
  broadcast(payload: Uint8Array): number {
    assert(this.canBroadcast(), 'broadcast only where there is room');
    return this.#participation!.broadcast(payload);
  }

  /** Stops deliveries (the owner has no room), or lets them go on. */
  pauseDelivery(paused: boolean): void {
    this.#step({ kind: 'delivery-paused', paused });
  }

  /** Sends best-effort news to every peer that can be reached. */
  notify(bytes: Uint8Array): void {
    this.#connections.sendToAll({ kind: 'notice', bytes });
  }

  /** Asks the group to go on without this member; `left` when it does, before or instead of `done`. */
  leave(done: (outcome: RemovalOutcome) => void = () => {}): void {
    const roster = this.#roster;
    if (roster === null || this.#run.isStopped) return;
    if (roster.isAlone) {
      this.#setup.environment.clock.schedule(0, () => this.#end(() => this.#events.left()));
      return;
    }
    this.#changes.leave(roster.ordinal, done);
  }

  /** Asks the group to go on without that member. */
  expel(ordinal: MemberOrdinal, done: (outcome: RemovalOutcome) => void): void {
    if (this.#roster === null || memberOf(this.#roster.chosen, ordinal) === undefined) {
      const problem = `no member of the group has the ordinal ${ordinal}`;
      this.#setup.environment.clock.schedule(0, () => done({ kind: 'refused', problem }));
      return;
    }
    this.#changes.expel(ordinal, done);
  }

  /** Null: to the fittest. Nothing is promised; nothing happens unless this member leads. */
  transferLeadership(to: MemberOrdinal | null): void {
    this.#step({ kind: 'transfer-leadership', to });
  }

  /**
   * An index so high that who has delivered it has delivered all that was chosen when this was asked. Null: no leader
   * answered; ask again.
   */
  readIndex(done: (index: LogIndex | null) => void): void {
    if (this.#participation === null || this.#run.isStopped) {
      this.#setup.environment.clock.schedule(0, () => done(null));
    } else this.#participation.readIndex(done);
  }

  /** The owner could be a full member: its state is rebuilt. A learner becomes a voter once its log is near the end, too. */
  setReady(): void {
    this.#step({ kind: 'ready', ready: true });
  }

  /**
   * The owner needs the messages from there on, whichever parts of them stand before. The group gives up what it needs no
   * more itself, now and later.
   */
  truncate(neededFrom: LogIndex): void {
    this.#retention.need(neededFrom);
    this.#truncate();
  }

  /** Nothing of the log, as it is now, is given up before it is released. */
  pinLog(): LogPin {
    return this.#retention.pin();
  }

  /** What it sends to a member that needs its state. */
  serve(openState: OpenState): void {
    this.#transfers.serve(openState);
  }

  isReachable(peer: MemberOrdinal): boolean {
    return peer === this.#roster?.ordinal || this.#liveness.isReachable(peer);
  }

  /** It is there, and said last that it restores itself or receives its state. */
  isRestoring(peer: MemberOrdinal): boolean {
    return this.isReachable(peer) && this.#liveness.isBusy(peer);
  }

  /** Of all members of the view. */
  reachability(): ReadonlyMap<MemberOrdinal, boolean> {
    const members = this.#roster?.chosen.members ?? [];
    return new Map(members.map(({ ordinal }) => [ordinal, this.isReachable(ordinal)]));
  }

  /**
   * Leaves the network and promises nothing more. A leader lets another lead first, as long as an election would take.
   * What is being written is finished before `closed` is called; may be asked again.
   */
  stop(closed: () => void = () => {}): void {
    this.#run.stop(closed);
  }

  get #consensus(): Consensus | null {
    return this.#participation?.consensus ?? null;
  }

  #canHandOver(): boolean {
    const consensus = this.#consensus;
    if (consensus === null || consensus.role !== 'leader' || !consensus.hasQuorum || this.#run.isStopped) return false;
    return consensus.view.members.some(
      ({ ordinal, isVoter }) => isVoter && ordinal !== this.#roster!.ordinal && this.#connections.isConnected(ordinal),
    );
  }

  #letGo(closed: () => void): void {
    this.#connections.stop();
    this.#transfers.stop();
    this.#participation?.end();
    // The next run, which may be of the same process, finds nothing under way of what it will write itself.
    this.#file.close(() => this.#log.close(closed));
  }

  #end(tell: () => void): void {
    this.#run.end(tell);
  }

  /** What is readable of them, perhaps not all: who asked asks others for the rest. */
  #openEntries({ from, upTo }: { readonly from: LogIndex; readonly upTo: LogIndex }): EntrySource | Unavailable {
    const log = this.#log;
    const isLending = this.#lendsUpTo !== null;
    if (from < log.firstIndex) return isLending ? 'lacking' : 'not-kept';
    const chosenUpTo = this.#lendsUpTo ?? this.#consensus?.status().chosenUpTo ?? 0;
    const end = Math.min(upTo, chosenUpTo, log.lastIndex);
    const readableUpTo = end < from ? end : log.readableUpTo(from, end);
    if (readableUpTo >= from) return new EntrySource(log, { from, upTo: readableUpTo });
    return isLending ? 'lacking' : 'not-ready';
  }

  // Coming to a group

  #dial(): void {
    if (this.#lendsUpTo !== null) return;
    const addresses = new Set(this.#roster?.addresses() ?? []);
    for (const address of this.#joining?.addresses() ?? []) addresses.add(address);
    this.#connections.want(addresses);
  }

  #foundIfComplete(): void {
    if (this.#joining === null || this.#run.isStopped) return;
    const { random, clock } = this.#setup.environment;
    const found = this.#joining.found(random, clock.wallMs());
    if (typeof found === 'string') return this.#end(() => this.#events.refused(found));
    if (found !== null) this.#store(found);
  }

  #offered(bytes: Uint8Array, isAskedFor: boolean): void {
    if (this.#joining === null || this.#run.isStopped) return;
    const offer = decodeBelonging(bytes);
    const problem = this.#joining.problemOf(offer, this.belonging);
    if (problem !== null || offer.kind !== 'belonging') return;
    if (isAskedFor || this.#joining.isOfSeeds(offer)) this.#store(offer);
  }

  #takeWithheld(): void {
    if (this.#joining === null || this.#run.isStopped) return;
    const offer = this.#joining.withheldOfSeeds();
    if (offer !== null) this.#store(offer);
  }

  #store({ definition, self, view }: Belonging): void {
    const belonging = { definition, self, view };
    this.#file.store(belonging, (hadRoom) => {
      if (!hadRoom) this.#events.roomChanged(this.#log.hasRoom);
      this.#joining = null;
      const chosen = this.#roster !== null && this.#roster.chosen.number > view.number ? this.#roster.chosen : view;
      this.#roster = new Roster({ belonging, chosen, groupAddress: this.#setup.groupAddress });
      this.#dial();
      this.#connections.restart();
      if (this.#roster.isOver) return this.#isOver(chosen);
      this.#events.formed(definition, this.self!);
    });
  }

  // Who belongs to it

  /** It comes from this member's log, or by the word of a peer. */
  #learnChosen(view: GroupView): void {
    const roster = this.#roster;
    if (roster === null || this.#run.isStopped) return;
    const before = roster.chosen;
    if (!roster.learnChosen(view)) return;
    this.#joining?.remember(before.members);
    if (this.#joining === null && roster.isOver) return this.#isOver(view);
    this.#connections.dropFormer(view);
    for (const ordinal of this.#liveness.known) if (isOver(view, ordinal)) this.#liveness.forget(ordinal);
    for (const member of view.members) {
      const isNew = memberOf(before, member.ordinal) === undefined;
      if (isNew && this.#liveness.isReachable(member.ordinal)) this.#events.reachabilityChanged(member, true);
    }
    this.#dial();
    this.#changes.chosen(view);
  }

  #isOver(view: GroupView): void {
    this.#connections.dropFormer(view);
    this.#end(() => (this.#changes.isLeaving ? this.#events.left() : this.#events.expelled(view)));
  }

  // The order

  #step(input: ConsensusInput): void {
    if (!this.#run.isStopped) this.#participation?.step(input);
  }

  #received(from: MemberOrdinal, bytes: Uint8Array): string | null {
    const message = decodePeerMessage(bytes);
    if (message.kind === 'malformed') return message.reason;
    this.#step({ kind: 'received', from, message });
    return null;
  }

  #stepped(): void {
    const consensus = this.#consensus!;
    const { view, chosenView } = consensus;
    if (view !== this.#appendedView) {
      this.#appendedView = view;
      this.#roster!.setAppended(view);
      this.#dial();
      for (const { ordinal } of view.members) {
        if (this.#connections.isConnected(ordinal))
          this.#step({ kind: 'link-changed', peer: ordinal, connected: true });
      }
    }
    this.#learnChosen(chosenView);
    this.#showStatus(consensus);
    if (consensus.isBehind) this.#end(() => this.#events.behind(consensus.leadersFirstIndex - 1));
    else if (this.#run.isStopping && consensus.role !== 'leader') this.#run.close();
  }

  #showStatus(consensus: Consensus): void {
    if (this.#run.isStopped) return;
    const headline = this.#headline.changed(consensus);
    if (headline !== null) this.#events.statusChanged(headline);
  }

  #truncate(): void {
    const consensus = this.#consensus;
    if (consensus === null || this.#run.isStopped) return;
    const { deliveredUpTo, receivedByAll } = consensus.status();
    this.#retention.truncate({ deliveredUpTo, receivedByAll });
  }

  #heard(peer: MemberOrdinal, isBusy: boolean | null): void {
    const nowMs = this.#nowMs();
    this.#liveness.heard(peer, nowMs);
    if (isBusy !== null) this.#liveness.heardBusy(peer, isBusy, nowMs);
  }

  #nowMs(): number {
    return this.#setup.environment.clock.monotonicMs();
  }

  #introduction(): Introduction {
    const { memberId, incarnation, groupAddress, host, port, options } = this.#setup;
    const roster = this.#roster;
    return {
      protocolVersion: GROUP_PROTOCOL_VERSION,
      memberId,
      incarnation,
      groupId: roster?.belonging.definition.groupId ?? null,
      ordinal: roster?.ordinal ?? null,
      viewNumber: roster?.chosen.number ?? 0,
      isLeader: this.#consensus?.role === 'leader',
      messageBytesMax: options.messageBytesMax,
      formation: this.#joining?.formation.kind ?? null,
      groupAddress,
      host,
      port,
    };
  }
}
