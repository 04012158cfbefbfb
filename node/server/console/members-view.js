/** @import { Group, WatchedMember } from './group-watch.js' */
import { byId, element, icon, setAttribute, setText, showIcon, ViewList } from './elements.js';
import {
  formatCompact,
  formatCount,
  formatDuration,
  formatMilliseconds,
  formatMillisecondsTogether,
  formatRate,
  formatTimeOfDay,
  NOTHING,
} from './formats.js';
import { COMPARED_MS_MAX, howLong } from './health.js';
import { swatch } from './member-mark.js';
import { shortId } from './member-names.js';
import { ReachTable } from './reach-table.js';

/** A cell of a figure and what is said of it below. */
class Figure {
  #value = element('span', { class: 'value' });
  #note = element('span', { class: 'note' });
  root;

  /** @param {string} label its column's, shown beside it where the table has become cards */
  constructor(label) {
    this.root = element('td', { class: 'figure', 'data-label': label }, element('div', {}, this.#value, this.#note));
  }

  /** @param {string} value @param {string} [note] @param {'bad' | 'attention' | null} [level] */
  show(value, note = '', level = null) {
    setText(this.#value, value);
    setText(this.#note, note);
    setAttribute(this.root, 'data-level', level);
  }
}

class MemberRowView {
  #name;
  #id = element('code', {});
  #leads = element('span', { class: 'tag' }, 'leader');
  #learns = element('span', { class: 'tag' }, 'learner');
  #isFull = element('span', { class: 'tag' }, 'disk full');
  #stateIcon = icon('state-OFFLINE');
  #state = element('span', {});
  #stateNote = element('span', { class: 'note' });
  #commits = new Figure('Commits/s');
  #conflicts = new Figure('Conflicts/s');
  #latency = new Figure('Latency p50 · p95 · p99');
  #queue = new Figure('Queue');
  #applied = new Figure('Applied up to');
  #past = new Figure('Past held');
  #data = new Figure('Data');
  root;

  /** @param {WatchedMember} member */
  constructor(member) {
    this.#name = member.isSelf || member.page === null ? element('span', {}) : element('a', { href: member.page });
    const tags = member.isSelf ? [element('span', { class: 'tag' }, 'this page')] : [];
    const head = element('div', { class: 'member-name' }, swatch(member.name.place), this.#name);
    const note = element('div', { class: 'member-note' }, this.#id, ...tags, this.#leads, this.#learns, this.#isFull);
    const state = element('div', { class: 'state' }, this.#stateIcon, this.#state);
    this.root = element(
      'tr',
      {},
      element('th', { scope: 'row' }, head, note),
      element('td', { class: 'state-cell' }, state, this.#stateNote),
      ...[this.#commits, this.#conflicts, this.#latency, this.#queue, this.#applied, this.#past, this.#data].map(
        ({ root }) => root,
      ),
    );
  }

  /** @param {WatchedMember} member @param {{ readonly group: Group, readonly nowMs: number }} context */
  update(member, { group, nowMs }) {
    const { stats, state, behind } = member;
    setAttribute(this.root, 'data-state', state);
    setText(this.#name, member.name.full);
    setText(this.#id, shortId(member.memberId));
    this.#leads.hidden = !member.leads;
    this.#learns.hidden = !member.isLearner;
    this.#isFull.hidden = member.hasRoom;
    setText(this.#state, state);
    showIcon(this.#stateIcon, `state-${state}`);
    setText(this.#stateNote, state === 'ONLINE' ? member.role.toLowerCase() : sinceOf(member, nowMs));
    this.#commits.show(formatRate(member.commitsPerSecond));
    this.#conflicts.show(formatRate(member.conflictsPerSecond));
    this.#latency.show(...latencyOf(member));
    const isHeard = state !== 'UNREACHABLE' && stats !== null;
    const toApply = isHeard ? stats.countTransactionsRemoteInApplierQueue : 0;
    this.#queue.show(
      formatCount(isHeard ? stats.countTransactionsInQueue : null),
      toApply > 0 ? `${formatCount(toApply)} to apply` : '',
    );
    const lag =
      behind.transactions === 0
        ? 'up to date'
        : `${formatCount(behind.transactions)} behind${behind.ms === null ? '' : `, ${formatDuration(behind.ms)}`}`;
    this.#applied.show(
      formatCount(stats?.appliedUpTo),
      stats === null ? '' : lag,
      behind.transactions > 0 ? 'attention' : null,
    );
    this.#past.show(...pastOf(member));
    this.#data.show(...dataOf(member, group, nowMs));
  }
}

/** @param {WatchedMember} member @param {number} nowMs */
function sinceOf(member, nowMs) {
  const { transfer } = member;
  const since = `for ${howLong(member, nowMs)}`;
  if (transfer === null) return since;
  const mib = `${formatCount(Math.round(transfer.bytes / 1024 / 1024))} MiB`;
  const what =
    transfer.kind === 'state'
      ? `receives state: ${formatCount(transfer.rows)} rows, ${mib}`
      : `repairs its log: ${mib}`;
  return `${what}, ${since}`;
}

/** @param {WatchedMember} member @returns {[value: string, note?: string]} */
function latencyOf({ stats, state }) {
  const latency = stats?.commitLatencyMs;
  if (latency === undefined || latency.count === 0 || state === 'UNREACHABLE') return [NOTHING];
  const { l2Ms, l1Ms, l0Ms } = latency.layers;
  return [
    formatMillisecondsTogether([latency.p50, latency.p95, latency.p99]),
    `order ${formatMilliseconds(l2Ms)}, execution ${formatMilliseconds(l1Ms)}, disk ${formatMilliseconds(l0Ms)}`,
  ];
}

/** What can be read as of there. @param {WatchedMember} member @returns {[value: string, note?: string]} */
function pastOf({ stats, state }) {
  if (stats === null || state === 'UNREACHABLE') return [NOTHING];
  const { from, fromTime, transactions, bytes } = stats.past;
  const memory = `${formatCount(Math.ceil(bytes / 1024 / 1024))} MiB`;
  const since =
    fromTime === null ? '' : ` (${formatTimeOfDay(Date.parse(fromTime.slice(0, fromTime.lastIndexOf('.'))))})`;
  return [`${formatCompact(transactions)} transactions`, `${memory}, from ${formatCount(from)}${since}`];
}

/** @param {WatchedMember} member @param {Group} group @param {number} nowMs @returns {[value: string, note?: string, level?: 'bad' | null]} */
function dataOf({ memberId, state }, { digests }, nowMs) {
  if (digests.kind === 'different' && digests.memberIds.includes(memberId))
    return ['✕ differ', `at ${formatCount(digests.at)}`, 'bad'];
  if (state !== 'ONLINE' || digests.kind !== 'equal') return [NOTHING, 'not compared'];
  const ageMs = nowMs - digests.seenMs;
  const ago = ageMs > COMPARED_MS_MAX ? `, ${formatDuration(ageMs)} ago` : '';
  return ['✓ equal', `at ${formatCount(digests.upTo)}${ago}`];
}

export class MembersView {
  /** @type {ViewList<WatchedMember, MemberRowView, { readonly group: Group, readonly nowMs: number }>} */
  #rows = new ViewList(byId('members'), {
    keyOf: ({ memberId, isSelf, page }) => `${memberId} ${isSelf} ${page}`,
    make: (member) => new MemberRowView(member),
  });

  #reach = new ReachTable();

  /** @param {Group} group @param {number} nowMs */
  show(group, nowMs) {
    this.#rows.show(group.members, { group, nowMs });
    this.#reach.show(group);
  }
}
