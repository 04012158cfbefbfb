/** @import { Group } from './group-watch.js' */
/** @import { History, Sample } from './history.js' */
import { byId, setAttribute, setText } from './elements.js';
import { formatCompact, formatMilliseconds, formatRate, formatTimeOfDay } from './formats.js';
import { SERIES_COUNT } from './member-mark.js';
import { TimePlot } from './time-plot.js';

/** What a plot is read out as is said anew so often: it is an image's description, not news. */
const DESCRIBED_EVERY_MS = 10_000;

/** Commits, conflicts and latency. */
export class PlotsView {
  #history;
  #mounts = { commits: byId('commits-plot'), conflicts: byId('conflicts-plot'), latency: byId('latency-plot') };
  #latency = new TimePlot(this.#mounts.latency, {
    series: [
      { label: 'p99', color: '--quantile-p99', dash: [2, 3] },
      { label: 'p95', color: '--quantile-p95', dash: [6, 3] },
      { label: 'p50', color: '--quantile-p50' },
    ],
    isStacked: false,
    format: formatMilliseconds,
    formatAxis: (value) => (value < 1000 ? `${formatCompact(value)} ms` : `${formatCompact(value / 1000)} s`),
  });
  /** @type {{ readonly commits: TimePlot, readonly conflicts: TimePlot, readonly of: string } | null} */
  #ofMembers = null;
  #describedAtMs = Number.NEGATIVE_INFINITY;

  /** @param {History} history */
  constructor(history) {
    this.#history = history;
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#redraw());
  }

  /** @param {Group} group @param {number} nowMs */
  show(group, nowMs) {
    const { commits, conflicts } = this.#plotsOf(group);
    const ids = group.members.map(({ memberId }) => memberId);
    const commitColumns = this.#history.columns(
      ids.map((id) => (/** @type {Sample} */ sample) => sample.commits.get(id) ?? null),
    );
    const conflictColumns = this.#history.columns(
      ids.map((id) => (/** @type {Sample} */ sample) => sample.conflicts.get(id) ?? null),
    );
    const quantiles = /** @type {const} */ (['p99', 'p95', 'p50']);
    const latencyColumns = this.#history.columns(quantiles.map((name) => (sample) => sample.latencyMs?.[name] ?? null));
    commits.show(commitColumns, nowMs);
    conflicts.show(conflictColumns, nowMs);
    this.#latency.show(latencyColumns, nowMs);
    setText(byId('commits-now'), formatRate(group.commitsPerSecond));
    setText(byId('conflicts-now'), formatRate(group.conflictsPerSecond));
    setText(byId('latency-now'), formatMilliseconds(group.latencyMs?.p99));
    this.#describe(group, nowMs);
  }

  /** New ones where the members have changed. @param {Group} group */
  #plotsOf({ members }) {
    const of = JSON.stringify(members.map(({ memberId, name }) => [memberId, name]));
    if (this.#ofMembers?.of === of) return this.#ofMembers;
    this.#ofMembers?.commits.remove();
    this.#ofMembers?.conflicts.remove();
    const options = {
      series: members.map(({ name }) => ({ label: name.short, color: `--series-${name.place % SERIES_COUNT}` })),
      isStacked: true,
      format: formatRate,
      formatAxis: formatCompact,
    };
    this.#ofMembers = {
      commits: new TimePlot(this.#mounts.commits, options),
      conflicts: new TimePlot(this.#mounts.conflicts, options),
      of,
    };
    return this.#ofMembers;
  }

  #redraw() {
    this.#latency.redraw();
    this.#ofMembers?.commits.redraw();
    this.#ofMembers?.conflicts.redraw();
  }

  /** @param {Group} group @param {number} nowMs */
  #describe(group, nowMs) {
    if (nowMs - this.#describedAtMs < DESCRIBED_EVERY_MS) return;
    this.#describedAtMs = nowMs;
    const time = formatTimeOfDay(nowMs);
    const { commits, conflicts, latency } = this.#mounts;
    setAttribute(
      commits,
      'aria-label',
      `Commits per second of each member in the last five minutes; at ${time}, ${formatRate(group.commitsPerSecond)} together`,
    );
    setAttribute(
      conflicts,
      'aria-label',
      `Conflicts per second, by the member that lost, in the last five minutes; at ${time}, ${formatRate(group.conflictsPerSecond)} together`,
    );
    const p = group.latencyMs;
    setAttribute(
      latency,
      'aria-label',
      `Commit latency in the last five minutes; at ${time}, half within ${formatMilliseconds(p?.p50)}, 99 of 100 within ${formatMilliseconds(p?.p99)}`,
    );
  }
}
