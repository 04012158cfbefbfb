/** @import { MemberRow, MemberStatsRow } from '../../engine/replica.ts' */
/** @import { Comparison } from './digest-comparison.js' */
/** @import { Sample } from './history.js' */
/** @import { MemberName, MemberNames } from './member-names.js' */
import { CounterRates } from './counter-rates.js';
import { DigestComparison } from './digest-comparison.js';
import { History } from './history.js';
import { addressOf, isReachableAddress, memberNames, nameOf } from './member-names.js';

/**
 * @typedef {object} WatchedMember one member, as the page's own member tells of it
 * @property {string} memberId
 * @property {MemberName} name
 * @property {string | null} page address of its own page; null: not known
 * @property {string | null} url of its API; null: not known
 * @property {boolean} isSelf
 * @property {MemberRow['state']} state
 * @property {MemberRow['role']} role
 * @property {boolean} leads the group's log
 * @property {boolean} isLearner it does not vote yet
 * @property {boolean} hasRoom on its disk
 * @property {readonly string[]} reaches member ids of those that it hears; none: it has not told
 * @property {MemberRow['transfer']} transfer under way
 * @property {number} sinceMs when it was first seen in this state
 * @property {boolean} isSinceExact the change was seen; else it may have been in this state for longer
 * @property {MemberStatsRow | null} stats null: it has told nothing yet
 * @property {number | null} commitsPerSecond executed here
 * @property {number | null} conflictsPerSecond lost here
 * @property {{ readonly transactions: number, readonly ms: number | null }} behind the most advanced; `ms` null: longer than anybody has watched
 */

/**
 * @typedef {object} Group what is known after an answer
 * @property {readonly WatchedMember[]} members in the group's order
 * @property {MemberNames} names
 * @property {number} appliedUpTo of the most advanced member
 * @property {number | null} commitsPerSecond
 * @property {number | null} conflictsPerSecond
 * @property {Sample['latencyMs']} latencyMs
 * @property {Comparison} digests
 * @property {string | null} viewId
 */

/** Looks further apart than this say nothing of when a state has changed. */
const LOOK_MS_MAX = 15_000;
/** Others' figures are up to half a second old, and looked at once a second: less than this is no lag. */
const LAG_MS_MIN = 2_000;

/** Follows a group by what one of its members answers to `members` and `memberStats`. */
export class GroupWatch {
  history = new History();
  #digests = new DigestComparison();
  /** @type {Map<string, CounterRates>} */
  #rates = new Map();
  /** @type {Map<string, { readonly state: MemberRow['state'], readonly sinceMs: number, readonly isExact: boolean }>} */
  #states = new Map();
  #lookedAtMs = Number.NEGATIVE_INFINITY;

  /**
   * @param {{ readonly members: readonly MemberRow[], readonly memberStats: readonly MemberStatsRow[], readonly selfId: string }} answer
   * @param {number} nowMs
   * @returns {Group}
   */
  take({ members: rows, memberStats, selfId }, nowMs) {
    const stats = new Map(memberStats.map((row) => [row.memberId, row]));
    const names = memberNames(rows);
    const appliedUpTo = Math.max(0, ...memberStats.map((row) => row.appliedUpTo));
    this.#noteStates(rows, nowMs);
    this.#noteRates(rows, stats, nowMs);
    const members = rows.map((row) =>
      this.#member(row, stats.get(row.memberId) ?? null, { names, selfId, appliedUpTo, nowMs }),
    );
    const sample = sampleOf(members, appliedUpTo, nowMs);
    this.history.add(sample);
    return {
      members,
      names,
      appliedUpTo,
      commitsPerSecond: sum(sample.commits.values()),
      conflictsPerSecond: sum(sample.conflicts.values()),
      latencyMs: sample.latencyMs,
      digests: this.#digests.compare(members.filter(serves).flatMap(shownBy), nowMs),
      viewId: rows[0]?.viewId ?? null,
    };
  }

  /** The member does not answer any more. @param {number} nowMs */
  interrupt(nowMs) {
    this.history.interrupt(nowMs);
    this.#rates.clear();
  }

  /** @param {readonly MemberRow[]} rows @param {number} nowMs */
  #noteStates(rows, nowMs) {
    const isExact = nowMs - this.#lookedAtMs <= LOOK_MS_MAX;
    this.#lookedAtMs = nowMs;
    const before = this.#states;
    this.#states = new Map(
      rows.map(({ memberId, state }) => {
        const known = before.get(memberId);
        return [
          memberId,
          known?.state === state ? known : { state, sinceMs: nowMs, isExact: isExact && known !== undefined },
        ];
      }),
    );
  }

  /** @param {readonly MemberRow[]} rows @param {ReadonlyMap<string, MemberStatsRow>} stats @param {number} nowMs */
  #noteRates(rows, stats, nowMs) {
    const before = this.#rates;
    this.#rates = new Map(rows.map(({ memberId }) => [memberId, before.get(memberId) ?? new CounterRates()]));
    for (const { memberId, state } of rows) {
      const row = stats.get(memberId);
      // While a member catches up, or is not heard, its counters tell nothing of what is going on.
      if (row === undefined || state !== 'ONLINE') this.#rates.get(memberId)?.forget();
      else this.#rates.get(memberId)?.take(countersOf(row), nowMs);
    }
  }

  /**
   * @param {MemberRow} row
   * @param {MemberStatsRow | null} stats
   * @param {{ readonly names: MemberNames, readonly selfId: string, readonly appliedUpTo: number, readonly nowMs: number }} context
   * @returns {WatchedMember}
   */
  #member(row, stats, { names, selfId, appliedUpTo, nowMs }) {
    const { memberId } = row;
    const rates = this.#rates.get(memberId);
    const since = this.#states.get(memberId);
    const address = isReachableAddress(row) ? addressOf(row) : null;
    return {
      memberId,
      name: nameOf(names, memberId),
      page: address && `http://${address}/`,
      url: address && `ws://${address}/v1`,
      isSelf: memberId === selfId,
      state: row.state,
      role: row.role,
      leads: row.leads,
      isLearner: row.learner,
      hasRoom: row.hasRoom,
      reaches: row.reaches,
      transfer: row.transfer,
      sinceMs: since?.sinceMs ?? nowMs,
      isSinceExact: since?.isExact ?? false,
      stats,
      commitsPerSecond: rates?.perSecond('commits') ?? null,
      conflictsPerSecond: rates?.perSecond('conflicts') ?? null,
      behind: this.#behind(stats?.appliedUpTo ?? 0, appliedUpTo, nowMs),
    };
  }

  /** @param {number} own @param {number} most @param {number} nowMs @returns {WatchedMember['behind']} */
  #behind(own, most, nowMs) {
    if (own >= most) return { transactions: 0, ms: 0 };
    const ms = this.history.aheadForMs(own, nowMs);
    return ms !== null && ms < LAG_MS_MIN ? { transactions: 0, ms: 0 } : { transactions: most - own, ms };
  }
}

/** @param {MemberStatsRow} row */
function countersOf(row) {
  return {
    // What became visible here and was not executed elsewhere.
    commits: row.appliedUpTo - row.countTransactionsRemoteApplied,
    conflicts: row.countTransactionsLocalRollback + row.countConflictsLocal,
    remote: row.countTransactionsRemoteApplied,
  };
}

/**
 * @param {readonly WatchedMember[]} members
 * @param {number} appliedUpTo
 * @param {number} atMs
 * @returns {Sample}
 */
function sampleOf(members, appliedUpTo, atMs) {
  const latencies = members.flatMap(({ state, stats }) => {
    return state === 'ONLINE' && stats !== null && stats.commitLatencyMs.count > 0 ? [stats.commitLatencyMs] : [];
  });
  /** @param {'p50' | 'p95' | 'p99'} quantile */
  const highest = (quantile) => Math.max(...latencies.map((latency) => latency[quantile]));
  return {
    atMs,
    commits: new Map(members.map((member) => [member.memberId, member.commitsPerSecond])),
    conflicts: new Map(members.map((member) => [member.memberId, member.conflictsPerSecond])),
    latencyMs: latencies.length === 0 ? null : { p50: highest('p50'), p95: highest('p95'), p99: highest('p99') },
    appliedUpTo,
  };
}

/** @param {WatchedMember} member */
function serves({ state }) {
  return state === 'ONLINE' || state === 'ERROR';
}

/** @param {WatchedMember} member */
function shownBy({ memberId, stats }) {
  if (stats === null) return [];
  const { appliedUpTo, digest, digestEqualUpTo } = stats;
  const { countTransactionsInQueue, countTransactionsRemoteInApplierQueue } = stats;
  return [
    {
      memberId,
      appliedUpTo,
      digest,
      equalUpTo: digestEqualUpTo,
      isBusy: countTransactionsInQueue + countTransactionsRemoteInApplierQueue > 0,
    },
  ];
}

/** Null if nothing is known. @param {Iterable<number | null>} values */
function sum(values) {
  const known = [...values].filter((value) => value !== null);
  return known.length === 0 ? null : known.reduce((total, value) => total + value, 0);
}
