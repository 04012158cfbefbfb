/**
 * Compares the members' digests: running hashes over all verdicts of the order, equal where the same was decided. A
 * figure of another member is up to half a second old, so under load two members seldom show the same place at the same
 * time. The members compare themselves at every so many entries of their log, which tells enough where much is written;
 * where little is, each member's last digests are kept, and one that all have shown proves that they were equal there.
 *
 * That two digests differ proves nothing in a moment: a digest moves with refusals too, which have no sequence number.
 * It is reported when both members stand still at one sequence number and go on to differ. (Members that find it
 * themselves stop serving, and are then in state ERROR.)
 */

/**
 * @typedef {object} Shown what a member shows now
 * @property {string} memberId
 * @property {number} appliedUpTo
 * @property {string} digest
 * @property {number} equalUpTo where the page's own member has seen its digest to be equal
 * @property {boolean} isBusy something waits there
 */

/**
 * @typedef {{ readonly kind: 'unknown' }
 *   | { readonly kind: 'equal', readonly upTo: number, readonly seenMs: number }
 *   | { readonly kind: 'different', readonly at: number, readonly memberIds: readonly string[], readonly isMinority: boolean }} Comparison
 *   `seenMs`: when the comparison was possible last. `memberIds`: those that differ from most; all
 *   that were compared, if no digest is that of most.
 */

const KEPT_MAX = 60;
const STANDS_STILL_MS = 5_000;

export class DigestComparison {
  /** By member id: digest to sequence number, oldest first. @type {Map<string, Map<string, number>>} */
  #shown = new Map();
  /** By member id: what it shows, and since when. @type {Map<string, { readonly shown: Shown, readonly sinceMs: number }>} */
  #now = new Map();
  /** @type {Extract<Comparison, { kind: 'equal' }> | null} */
  #equal = null;

  /**
   * @param {readonly Shown[]} members those that serve and are reached
   * @param {number} nowMs
   * @returns {Comparison}
   */
  compare(members, nowMs) {
    for (const memberId of this.#shown.keys()) {
      if (!members.some((one) => one.memberId === memberId)) this.#forget(memberId);
    }
    for (const shown of members) this.#keep(shown, nowMs);
    const different = this.#different(members, nowMs);
    if (different !== null) return different;
    const upTo = this.#newestEqual(members);
    // A group that was created anew begins from 0 again.
    const highest = Math.max(0, ...members.map(({ appliedUpTo }) => appliedUpTo));
    if (this.#equal !== null && this.#equal.upTo > highest) this.#equal = null;
    const isNow = members.every(({ appliedUpTo }) => appliedUpTo === upTo);
    if (upTo !== null && (isNow || upTo > (this.#equal?.upTo ?? -1)))
      this.#equal = { kind: 'equal', upTo, seenMs: nowMs };
    return this.#equal ?? { kind: 'unknown' };
  }

  /** @param {string} memberId */
  #forget(memberId) {
    this.#shown.delete(memberId);
    this.#now.delete(memberId);
  }

  /** @param {Shown} shown @param {number} nowMs */
  #keep(shown, nowMs) {
    const { memberId, digest, appliedUpTo } = shown;
    const digests = this.#shown.get(memberId) ?? new Map();
    this.#shown.set(memberId, digests);
    digests.delete(digest);
    digests.set(digest, appliedUpTo);
    if (digests.size > KEPT_MAX) digests.delete(digests.keys().next().value);
    const before = this.#now.get(memberId);
    const isSame = before !== undefined && before.shown.digest === digest && before.shown.appliedUpTo === appliedUpTo;
    this.#now.set(memberId, { shown, sinceMs: isSame && !shown.isBusy ? before.sinceMs : nowMs });
  }

  /** @param {readonly Shown[]} members */
  #newestEqual(members) {
    const [first, ...others] = members;
    if (first === undefined || others.length === 0) return null;
    const compared = Math.min(...members.map(({ equalUpTo }) => equalUpTo));
    let newest = compared > 0 ? compared : null;
    for (const [digest, appliedUpTo] of this.#shown.get(first.memberId) ?? []) {
      if (others.every(({ memberId }) => this.#shown.get(memberId)?.has(digest)))
        newest = Math.max(newest ?? 0, appliedUpTo);
    }
    return newest;
  }

  /**
   * @param {readonly Shown[]} members
   * @param {number} nowMs
   * @returns {Extract<Comparison, { kind: 'different' }> | null}
   */
  #different(members, nowMs) {
    const still = members.filter(({ memberId }) => {
      return nowMs - (this.#now.get(memberId)?.sinceMs ?? nowMs) >= STANDS_STILL_MS;
    });
    const places = Map.groupBy(still, ({ appliedUpTo }) => appliedUpTo);
    for (const [at, there] of places) {
      const opinions = [...Map.groupBy(there, ({ digest }) => digest).values()];
      if (opinions.length < 2) continue;
      const most = opinions.find((opinion) => opinion.length * 2 > there.length);
      return {
        kind: 'different',
        at,
        memberIds: there.filter((one) => !most?.includes(one)).map((one) => one.memberId),
        isMinority: most !== undefined,
      };
    }
    return null;
  }
}
