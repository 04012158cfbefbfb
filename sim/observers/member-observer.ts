/** Watches one run of a member after each of its turns, and compares it with the order and the shadow database. */
import { formatCommitTime } from '../../certifier/index.ts';
import type { LogIndex, SequenceNumber } from '../../gcs/base/index.ts';
import type { Member } from '../../node/engine/index.ts';
import type { SimulatedDisk } from '../world/index.ts';
import type { Judge } from './judge.ts';
import { LogFollower } from './log-follower.ts';
import type { ShadowDatabase } from './shadow-database.ts';
import type { TotalOrder } from './total-order.ts';

/** Whole states are compared each so many sequence numbers. */
const COMPARE_EVERY = 32;
/** One of so many comparisons is of the past, too. */
const COMPARE_OLDEST_EVERY = 3;
/** Above every key of a row, and below none. */
const ALL_ROWS = { from: '\x00\x00\x00\x01', to: '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff' };

export class MemberObserver {
  readonly #name: string;
  readonly #member: Member;
  readonly #judge: Judge;
  readonly #order: TotalOrder;
  readonly #shadow: ShadowDatabase;
  readonly #disk: SimulatedDisk;
  #follower: LogFollower | null = null;
  /** Messages of the order that this run has concluded, or has from an earlier one. */
  #place = 0;
  #nextCompare = 0;

  constructor(setup: {
    name: string;
    member: Member;
    judge: Judge;
    order: TotalOrder;
    shadow: ShadowDatabase;
    disk: SimulatedDisk;
  }) {
    this.#name = setup.name;
    this.#member = setup.member;
    this.#judge = setup.judge;
    this.#order = setup.order;
    this.#shadow = setup.shadow;
    this.#disk = setup.disk;
  }

  get place(): number {
    return this.#place;
  }

  /** It has rebuilt itself as of `deliveredUpTo`; deliveries go on behind it. */
  recovered(deliveredUpTo: LogIndex): void {
    this.#follower = new LogFollower({
      name: this.#name,
      group: this.#member.group,
      order: this.#order,
      judge: this.#judge,
      disk: this.#disk,
      deliveredUpTo,
    });
    this.#place = this.#order.messagesUpTo(deliveredUpTo);
    this.#nextCompare = 0;
  }

  /** Follows the log up to `index`. */
  follow(index: LogIndex): void {
    if (this.#follower !== null && index > this.#follower.deliveredUpTo) this.#follower.follow(index);
  }

  /** Perhaps in the middle of a turn, when the member's own state is not to be looked at. */
  deliveredSoFar(): void {
    const { status } = this.#member.group;
    if (status !== null) this.follow(status.deliveredUpTo);
  }

  turnEnded(): void {
    const { group, appliedUpTo } = this.#member;
    const { status } = group;
    const follower = this.#follower;
    if (status === null || follower === null) return;
    if (status.deliveredUpTo !== follower.deliveredUpTo) follower.follow(status.deliveredUpTo);
    const upTo = this.#order.messagesUpTo(follower.deliveredUpTo);
    if (this.#place === upTo) return;
    this.#conclude(upTo);
    if (appliedUpTo >= this.#nextCompare) this.compareState();
  }

  /** It is somewhere on its way to `upTo`: what is large is concluded later. */
  #conclude(upTo: number): void {
    const { certifier, appliedUpTo } = this.#member;
    const standing = { digest: certifier!.digest, sequenceNumber: appliedUpTo };
    const shadow = this.#shadow;
    const from = this.#place;
    if (shadow.isBehind(upTo, standing)) this.#place = upTo;
    else {
      while (this.#place < upTo && !shadow.isStanding(this.#place, standing)) this.#place++;
      this.#judge.check(
        this.#place < upTo,
        () =>
          `${this.#name} has the digest ${standing.digest} and has applied up to ${appliedUpTo}; behind message ${from} of the order ` +
          `it is ${shadow.digestAt(from)} and ${shadow.sequenceNumberAt(from)}, behind ${upTo} ${shadow.digestAt(upTo)} and ${shadow.sequenceNumberAt(upTo)}`,
      );
    }
  }

  /** Every row and table, as of what is applied; and now and then as of the oldest number that is held, too. */
  compareState(): void {
    const member = this.#member;
    const { appliedUpTo, heldFrom } = member;
    this.#nextCompare = appliedUpTo + COMPARE_EVERY;
    if (member.store === null) return;
    this.#compareTime();
    this.#compareAt(appliedUpTo);
    this.#compareKeys();
    const rule = member.variables().find(({ name }) => name === 'certification_rule')!.value;
    this.#judge.check(
      rule === this.#shadow.ruleAt(appliedUpTo),
      () => `${this.#name} judges by the rule ${rule} behind ${appliedUpTo}`,
    );
    const isOldest = Math.floor(appliedUpTo / COMPARE_EVERY) % COMPARE_OLDEST_EVERY === 0;
    if (isOldest && heldFrom < appliedUpTo) this.#compareAt(heldFrom);
  }

  /** H13: how far time has come is a function of the order, after a restart and a transfer too. */
  #compareTime(): void {
    const { certifier, appliedUpTo } = this.#member;
    const place = this.#place;
    if (!this.#shadow.isBehind(place, { digest: certifier!.digest, sequenceNumber: appliedUpTo })) return;
    const reached = formatCommitTime(certifier!.commitTime);
    const expected = formatCommitTime(this.#shadow.timeReachedAt(place));
    this.#judge.check(
      reached === expected,
      () => `${this.#name} has come to ${reached} behind message ${place} of the order, which is ${expected}`,
    );
  }

  /** What became of each idempotency key, as far as it is there and not forgotten (H16). */
  #compareKeys(): void {
    const { appliedUpTo, certifier } = this.#member;
    for (const [key, known] of this.#shadow.keys) {
      if (known.sequenceNumber > appliedUpTo || known.expiresAtMs <= certifier!.commitTime.physicalMs) continue;
      const kept = this.#member.keyRefusal({ key, fingerprint: known.fingerprint });
      const isSame =
        known.fingerprint === null
          ? kept?.kind === 'key-fenced'
          : kept?.kind === 'replayed' && kept.first.sequenceNumber === known.sequenceNumber;
      this.#judge.check(
        isSame,
        () => `${this.#name} says ${JSON.stringify(kept)} of the key ${key}, bound at ${known.sequenceNumber}`,
      );
    }
  }

  #compareAt(snapshot: SequenceNumber): void {
    const member = this.#member;
    const expected = new Map(this.#shadow.rowsAt(snapshot));
    let rows = 0;
    let previous = '';
    for (const [key, image] of member.scan(ALL_ROWS, snapshot, false)) {
      rows++;
      const wanted = expected.get(key);
      const isSame = wanted !== undefined && areEqual(wanted, image);
      this.#judge.check(isSame, () => `${this.#name} has ${wanted ? 'another' : 'a'} row ${hex(key)} at ${snapshot}`);
      this.#judge.check(key > previous, () => `${this.#name} scans ${hex(key)} behind ${hex(previous)}`);
      previous = key;
    }
    this.#judge.check(
      rows === expected.size,
      () => `${this.#name} has ${rows} rows at ${snapshot}, not ${expected.size}`,
    );
    const tables = member.tables(snapshot).map((table) => `${table.name} ${table.tableId}`);
    const expectedTables = this.#shadow.tablesAt(snapshot).map((table) => `${table.name} ${table.tableId}`);
    this.#judge.check(
      tables.join() === expectedTables.join(),
      () => `${this.#name} has the tables ${tables.join()} at ${snapshot}, not ${expectedTables.join()}`,
    );
  }
}

function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let i = 0; i < one.length; i++) if (one[i] !== other[i]) return false;
  return true;
}

function hex(key: string): string {
  return [...key].map((character) => character.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}
