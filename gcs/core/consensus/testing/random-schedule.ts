/**
 * One seed, one world: members broadcast, read, join, are promoted and removed, hand leadership over and truncate their
 * logs, while messages are lost, doubled and reordered, links break, members crash and forget what was not synced, and
 * disks fill up or lose what they had. The cluster checks what must hold after every step (safety.ts).
 */
import { assert, type LogIndex, type MemberOrdinal, SeededRandom } from '../../../base/index.ts';
import { votersOf, withLearner, without, withVoter } from '../../views.ts';
import { quorumOf } from '../election.ts';
import { addressOf, TestCluster, type TestMember } from './cluster.ts';

const ACTIONS = 1500;
const JOINERS_MAX = 5;

/** How often something happened; those that have to happen in many seeds are asserted on by the test. */
export class Counts {
  crashes = 0;
  losses = 0;
  duplicates = 0;
  reorders = 0;
  cuts = 0;
  chosen = 0;
  views = 0;
  joins = 0;
  promotions = 0;
  removals = 0;
  leadersRemoved = 0;
  truncations = 0;
  behind = 0;
  transfersOfState = 0;
  transfersOfLeadership = 0;
  claims = 0;
  reads = 0;
  readsOfFollowers = 0;
  disksFull = 0;
}

export class RandomSchedule {
  readonly cluster: TestCluster;
  readonly #random: SeededRandom;
  readonly #counts: Counts;
  /** How much is lost, reordered and broken. */
  readonly #hostility: number;
  readonly #changesViews: boolean;
  #tickets = 0;
  /** By ticket: what had been chosen when it was asked for. */
  readonly #readFloors = new Map<number, LogIndex>();

  constructor(seed: number, counts: Counts) {
    const random = new SeededRandom(seed);
    this.#random = random;
    this.#counts = counts;
    this.cluster = new TestCluster({
      members: random.pick([1, 2, 3, 3, 3, 5]),
      seed,
      options: {
        appendEntriesMax: random.between(1, 8),
        appendBytesMax: random.between(1, 400),
        windowMessagesMax: random.between(1, 4),
        windowBytesMax: random.between(1, 1000),
        tailBytesMax: random.pick([1, 300, 1_000_000]),
        deliverBytesMax: random.between(1, 300),
        pendingMessagesMax: random.between(1, 20),
        pendingReadsMax: random.between(1, 20),
        resendMs: random.between(50, 500),
      },
    });
    this.#hostility = random.pick([0, 1, 4]);
    this.#changesViews = random.chance(70);
  }

  run(): void {
    for (let action = 0; action < ACTIONS; action++) {
      this.#act();
      this.#checkReads();
    }
    this.#becomeWell();
    this.#counts.chosen += this.cluster.chosen.length;
    this.#counts.views += this.cluster.chosen.filter(({ kind }) => kind === 'view').length;
  }

  #act(): void {
    const random = this.#random;
    const { cluster } = this;
    const member = random.pick(cluster.members);
    const { core, ordinal } = member;
    const dice = random.below(112);
    if (dice < 45) this.#message();
    else if (dice < 60) this.#time(member);
    else if (dice < 75) {
      if (core !== null) cluster.sync(ordinal, random.between(1, 3));
    } else if (dice < 88) {
      const text = `${ordinal}.${member.incarnation}.${member.proposedUpTo + 1}`;
      if (core?.canPropose()) cluster.propose(ordinal, text, random.chance(20) ? 'fragment' : 'message');
    } else if (dice < 92) this.#delivery(member);
    else if (dice < 95) this.#process(member);
    else if (dice < 98) this.#link(ordinal);
    else if (dice < 102) this.#read(member);
    else if (dice < 106) this.#truncate(member);
    else if (dice < 108) this.#handOver();
    else if (dice < 109) this.#room(member);
    else this.#changeView();
  }

  #message(): void {
    const random = this.#random;
    const { cluster } = this;
    if (cluster.packets.length === 0) return;
    const reorder = random.chance(this.#hostility * 5);
    if (reorder) this.#counts.reorders += 1;
    const packet = reorder ? random.pick(cluster.packets) : cluster.packets[0]!;
    if (random.chance(this.#hostility * 2)) {
      this.#counts.losses += 1;
      cluster.packets = cluster.packets.filter((other) => other !== packet);
      return;
    }
    const duplicate = random.chance(this.#hostility * 2);
    if (duplicate) this.#counts.duplicates += 1;
    cluster.arrive((other) => other === packet, duplicate);
  }

  #time(member: TestMember): void {
    const random = this.#random;
    const { cluster } = this;
    cluster.nowMs += random.pick([1, 5, 25, 25, 100]);
    for (const { ordinal } of cluster.running) cluster.step(ordinal, { kind: 'tick' });
    if (!random.chance(this.#hostility * 3)) return;
    // One member grows impatient while nobody hears anything.
    cluster.nowMs += random.between(300, 1300);
    for (let i = 0; i < 2; i++) if (member.core !== null) cluster.step(member.ordinal, { kind: 'tick' });
  }

  #delivery(member: TestMember): void {
    const random = this.#random;
    if (member.core === null) return;
    const isPause = random.chance(50);
    this.cluster.step(
      member.ordinal,
      isPause ? { kind: 'delivery-paused', paused: random.chance(30) } : { kind: 'continue' },
    );
    if (!random.chance(20)) return;
    const { deliveredUpTo, chosenUpTo } = member.core.status();
    const known = random.pick([deliveredUpTo, Math.min(chosenUpTo, member.disk.lastIndex)]);
    member.knownChosenUpTo = Math.max(member.knownChosenUpTo, Math.min(known, deliveredUpTo));
  }

  #process(member: TestMember): void {
    const random = this.#random;
    const { cluster } = this;
    const { ordinal, core } = member;
    if (core?.isBehind && random.chance(80)) {
      this.#counts.behind += 1;
      cluster.crash(ordinal);
      this.#receiveState(member);
      cluster.start(ordinal);
      return;
    }
    if (!random.chance(this.#hostility * 15)) return;
    this.#counts.crashes += 1;
    if (core === null) cluster.start(ordinal, random.between(0, member.knownChosenUpTo));
    else {
      cluster.crash(ordinal, { requests: random.between(0, 2), entries: random.between(0, 2) });
      if (random.chance(50)) this.#damage(member);
      else if (random.chance(10) && this.#mayLose(member)) this.#receiveState(member);
    }
  }

  /** A majority of the voters has lost nothing, and will not by this: what a group can bear. */
  #mayLose(member: TestMember): boolean {
    const { cluster } = this;
    const voters = cluster.leader === undefined ? [] : votersOf(cluster.leader.core!.view);
    const whole = voters.filter(
      (voter) => voter !== member.ordinal && cluster.member(voter)?.disk.hardState.claim === null,
    );
    return voters.length >= 3 && whole.length >= quorumOf(voters.length);
  }

  #damage(member: TestMember): void {
    if (!this.#mayLose(member) || member.disk.lastIndex <= member.knownChosenUpTo) return;
    this.cluster.damage(member.ordinal, this.#random.between(member.knownChosenUpTo + 1, member.disk.lastIndex));
    this.#counts.claims += 1;
  }

  /** @returns whether somebody had one to give. */
  #receiveState(member: TestMember): boolean {
    const donor = this.cluster.running.find(
      ({ core, ordinal }) => ordinal !== member.ordinal && core!.status().deliveredUpTo > member.knownChosenUpTo,
    );
    if (donor === undefined) return false;
    const claimBefore = member.disk.hardState.claim;
    this.cluster.transferState(donor.ordinal, member.ordinal);
    if (claimBefore === null && member.disk.hardState.claim !== null) this.#counts.claims += 1;
    this.#counts.transfersOfState += 1;
    return true;
  }

  #link(ordinal: MemberOrdinal): void {
    const { cluster } = this;
    const other = this.#random.pick(cluster.members).ordinal;
    if (other === ordinal) return;
    if (cluster.isCut(ordinal, other)) cluster.heal(ordinal, other);
    else if (this.#random.chance(this.#hostility * 15)) {
      this.#counts.cuts += 1;
      cluster.cut(ordinal, other, this.#random.chance(70));
    }
  }

  #read(member: TestMember): void {
    if (member.core === null) return;
    this.#tickets += 1;
    this.#readFloors.set(this.#tickets, this.cluster.chosen.length);
    this.cluster.step(member.ordinal, { kind: 'read-index', ticket: this.#tickets });
  }

  /** R7: whoever has delivered what a read index says has delivered all that was chosen before the question. */
  #checkReads(): void {
    for (const member of this.cluster.running) {
      for (const { ticket, index } of member.reads.splice(0)) {
        const floor = this.#readFloors.get(ticket);
        assert(floor !== undefined, 'a read index is answered once');
        this.#readFloors.delete(ticket);
        if (index === null) continue;
        this.#counts.reads += 1;
        if (member.core!.role !== 'leader') this.#counts.readsOfFollowers += 1;
        assert(
          index >= floor,
          `read ${ticket} answered ${index} covers what was chosen before it was asked for: ${floor}`,
        );
      }
    }
  }

  #truncate(member: TestMember): void {
    if (member.core === null || !this.#random.chance(30)) return;
    const { deliveredUpTo, firstIndex } = member.core.status();
    if (deliveredUpTo < firstIndex) return;
    this.#counts.truncations += 1;
    this.cluster.truncate(member.ordinal, this.#random.between(firstIndex, deliveredUpTo));
  }

  #handOver(): void {
    const { leader } = this.cluster;
    if (leader === undefined) return;
    this.#counts.transfersOfLeadership += 1;
    const to = this.#random.chance(50) ? null : this.#random.pick(this.cluster.members).ordinal;
    this.cluster.step(leader.ordinal, { kind: 'transfer-leadership', to });
  }

  #room(member: TestMember): void {
    if (member.core === null) return;
    const full = this.#random.chance(this.#hostility * 10);
    if (full) this.#counts.disksFull += 1;
    this.cluster.step(member.ordinal, { kind: 'disk-full', full });
  }

  #changeView(): void {
    const random = this.#random;
    const { cluster } = this;
    const { leader } = cluster;
    if (!this.#changesViews || leader === undefined || !leader.core!.canChangeView) return;
    const { view } = leader.core!;
    const learners = view.members.filter(({ isVoter }) => !isVoter);
    if (learners.length > 0 && random.chance(60)) {
      const { ordinal } = random.pick(learners);
      this.#counts.promotions += 1;
      cluster.changeView(leader.ordinal, withVoter(view, ordinal));
    } else if (random.chance(50)) {
      const ordinal = view.nextOrdinal;
      if (ordinal >= cluster.members.length) {
        if (cluster.members.length >= cluster.foundingView.members.length + JOINERS_MAX) return;
        cluster.join();
      }
      this.#counts.joins += 1;
      cluster.changeView(leader.ordinal, withLearner(view, addressOf(ordinal)));
    } else {
      const { ordinal, isVoter } = random.pick(view.members);
      if (isVoter && view.members.length - learners.length === 1) return;
      this.#counts.removals += 1;
      if (ordinal === leader.ordinal) this.#counts.leadersRemoved += 1;
      cluster.changeView(leader.ordinal, without(view, ordinal));
    }
  }

  /** Liveness: once all run and hear each other, everything still pending is delivered everywhere. */
  #becomeWell(): void {
    const { cluster } = this;
    for (const { ordinal, core } of cluster.members) if (core === null) cluster.start(ordinal);
    for (const { ordinal: a } of cluster.members) {
      for (const { ordinal: b } of cluster.members) if (a < b && cluster.isCut(a, b)) cluster.heal(a, b);
    }
    for (const { ordinal } of cluster.members) {
      cluster.step(ordinal, { kind: 'delivery-paused', paused: false });
      cluster.step(ordinal, { kind: 'disk-full', full: false });
    }
    for (let round = 0; !this.#isWell(); round++) {
      assert(round < 2_000, `the group recovers: ${JSON.stringify(cluster.members.map(({ core }) => core!.status()))}`);
      cluster.nowMs += 25;
      for (const { ordinal } of cluster.members) {
        cluster.step(ordinal, { kind: 'tick' });
        cluster.step(ordinal, { kind: 'continue' });
      }
      cluster.settle();
      for (const member of cluster.members) {
        if (!member.core!.isBehind) continue;
        this.#counts.behind += 1;
        cluster.crash(member.ordinal);
        this.#receiveState(member);
        cluster.start(member.ordinal);
      }
    }
    this.#checkReads();
  }

  #isWell(): boolean {
    const { leader } = this.cluster;
    if (leader === undefined) return false;
    const { lastIndex } = leader.core!.status();
    return leader.core!.view.members.every(({ ordinal }) => {
      const status = this.cluster.core(ordinal).status();
      return (
        status.pendingMessages === 0 &&
        status.caughtUp &&
        status.hasQuorum &&
        status.claim === null &&
        status.leader === leader.ordinal &&
        status.lastIndex === lastIndex &&
        status.deliveredUpTo === lastIndex &&
        status.receivedByAll === lastIndex
      );
    });
  }
}
