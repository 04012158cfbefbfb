/** Watches one run of a member after each of its turns, and compares it with the order and the shadow database. */
import type { LogIndex, SequenceNumber } from '../../gcs/base/index.ts';
import type { Member } from '../../node/engine/index.ts';
import type { Judge } from './judge.ts';
import type { ShadowDatabase } from './shadow-database.ts';
import type { Follower, TotalOrder } from './total-order.ts';

const READ_BYTES = 1024 * 1024;
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
  #follower: Follower | null = null;
  #deliveredUpTo: LogIndex = 0;
  #nextCompare = 0;

  constructor(setup: { name: string; member: Member; judge: Judge; order: TotalOrder; shadow: ShadowDatabase }) {
    this.#name = setup.name;
    this.#member = setup.member;
    this.#judge = setup.judge;
    this.#order = setup.order;
    this.#shadow = setup.shadow;
  }

  /** Messages of the order that this run has delivered, or has from an earlier one. */
  get place(): number {
    return this.#follower?.place ?? 0;
  }

  /** It has rebuilt itself as of `deliveredUpTo`; deliveries go on behind it. */
  recovered(deliveredUpTo: LogIndex): void {
    this.#follower = this.#order.follow(this.#name, deliveredUpTo);
    this.#deliveredUpTo = deliveredUpTo;
    this.#nextCompare = 0;
  }

  turnEnded(): void {
    const { group } = this.#member;
    const { status } = group;
    const follower = this.#follower;
    if (status === null || follower === null || status.deliveredUpTo === this.#deliveredUpTo) return;
    this.#judge.check(status.deliveredUpTo > this.#deliveredUpTo, `${this.#name} delivers backwards`);
    while (this.#deliveredUpTo < status.deliveredUpTo) {
      for (const entry of group.log.entries(this.#deliveredUpTo + 1, status.deliveredUpTo, READ_BYTES)) {
        if (entry.kind === 'message') follower.delivered(entry);
        this.#deliveredUpTo = entry.index;
      }
    }
    this.#compareNumbers(follower.place);
    if (this.#member.appliedUpTo >= this.#nextCompare) this.compareState();
  }

  /** Every row and table, as of what is applied; and now and then as of the oldest number that is held, too. */
  compareState(): void {
    const member = this.#member;
    const { appliedUpTo, heldFrom } = member;
    this.#nextCompare = appliedUpTo + COMPARE_EVERY;
    if (member.store === null) return;
    this.#compareAt(appliedUpTo);
    const isOldest = Math.floor(appliedUpTo / COMPARE_EVERY) % COMPARE_OLDEST_EVERY === 0;
    if (isOldest && heldFrom < appliedUpTo) this.#compareAt(heldFrom);
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
      this.#judge.check(isSame, `${this.#name} has ${wanted ? 'another' : 'a'} row ${hex(key)} at ${snapshot}`);
      this.#judge.check(key > previous, `${this.#name} scans ${hex(key)} behind ${hex(previous)}`);
      previous = key;
    }
    this.#judge.check(rows === expected.size, `${this.#name} has ${rows} rows at ${snapshot}, not ${expected.size}`);
    const tables = member.tables(snapshot).map((table) => `${table.name} ${table.tableId}`);
    const expectedTables = this.#shadow.tablesAt(snapshot).map((table) => `${table.name} ${table.tableId}`);
    this.#judge.check(
      tables.join() === expectedTables.join(),
      `${this.#name} has the tables ${tables.join()} at ${snapshot}, not ${expectedTables.join()}`,
    );
  }

  #compareNumbers(place: number): void {
    const member = this.#member;
    const digest = member.certifier?.digest;
    this.#judge.check(
      digest === this.#shadow.digestAt(place),
      `${this.#name} has the digest ${digest} behind message ${place} of the order, not ${this.#shadow.digestAt(place)}`,
    );
    const sequenceNumber = this.#shadow.sequenceNumberAt(place);
    this.#judge.check(
      member.appliedUpTo === sequenceNumber,
      `${this.#name} has applied up to ${member.appliedUpTo} behind message ${place} of the order, not ${sequenceNumber}`,
    );
  }
}

function areEqual(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

function hex(key: string): string {
  return [...key].map((character) => character.charCodeAt(0).toString(16).padStart(2, '0')).join('');
}
