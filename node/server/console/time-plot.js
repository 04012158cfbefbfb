/** One plot over the last five minutes, with a legend that tells the values: the last ones, or those under the pointer. */
import { element, setText } from './elements.js';
import { formatTimeOfDay } from './formats.js';
import { HISTORY_MS } from './history.js';

/**
 * @typedef {object} Series
 * @property {string} label
 * @property {string} color name of a custom property of the page's style
 * @property {number[]} [dash]
 */

/**
 * @typedef {object} TimePlotOptions
 * @property {readonly Series[]} series
 * @property {boolean} isStacked each on top of those behind it, so that the upper edge is their sum
 * @property {(value: number | null) => string} format of the legend
 * @property {(value: number) => string} formatAxis
 */

const HEIGHT = 168;
const TICK_SECONDS = [10, 30, 60, 120, 300];
/** A page that has just been opened shows what it has in more detail. */
const SPANS_MS = [60_000, 120_000, HISTORY_MS];
const FONT = '11px system-ui, sans-serif';

export class TimePlot {
  #mount;
  #options;
  #plot;
  /** Not stacked. @type {(number | null)[][]} */
  #columns = [];
  /** @type {HTMLElement[]} */
  #values = [];
  #time = element('span', { class: 'legend-time' });
  #legend;
  #resized;

  /** @param {HTMLElement} mount @param {TimePlotOptions} options */
  constructor(mount, options) {
    this.#mount = mount;
    this.#options = options;
    this.#legend = this.#makeLegend();
    this.#plot = new uPlot(this.#plotOptions(), [[], ...options.series.map(() => [])], mount);
    mount.append(this.#legend);
    this.#resized = new ResizeObserver(() => this.#plot.setSize({ width: mount.clientWidth, height: HEIGHT }));
    this.#resized.observe(mount);
  }

  /** @param {{ times: number[], columns: (number | null)[][] }} data a column for each series @param {number} nowMs */
  show({ times, columns }, nowMs) {
    this.#columns = columns;
    this.#plot.batch(() => {
      this.#plot.setData([times, ...(this.#options.isStacked ? stacked(columns) : columns)], false);
      const sinceMs = nowMs - 1000 * (times[0] ?? 0);
      const spanMs = SPANS_MS.find((span) => span >= sinceMs) ?? HISTORY_MS;
      this.#plot.setScale('x', { min: (nowMs - spanMs) / 1000, max: nowMs / 1000 });
    });
    this.#showLegend();
  }

  /** In the page's colours as they are now. */
  redraw() {
    this.#plot.redraw(false, true);
  }

  remove() {
    this.#resized.disconnect();
    this.#plot.destroy();
    this.#legend.remove();
  }

  /** @returns {uPlot.Options} */
  #plotOptions() {
    const { series, isStacked, formatAxis } = this.#options;
    const axis = { font: FONT, stroke: () => this.#color('--soft'), ticks: { show: false } };
    const grid = { stroke: () => this.#color('--grid'), width: 1 };
    return {
      width: Math.max(200, this.#mount.clientWidth),
      height: HEIGHT,
      padding: [8, 14, 0, 0],
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, sync: { key: 'concert' }, points: { size: 6 } },
      scales: { x: { time: true }, y: { range: (_plot, _min, max) => [0, Math.max(1, (max ?? 0) * 1.08)] } },
      axes: [
        {
          ...axis,
          grid: { show: false },
          space: 48,
          incrs: TICK_SECONDS,
          size: 24,
          gap: 4,
          values: (_plot, times) => times.map((time) => formatTick(time * 1000)),
        },
        {
          ...axis,
          grid,
          space: 36,
          size: 46,
          gap: 6,
          values: (_plot, values) => values.map((value) => formatAxis(value)),
        },
      ],
      series: [
        {},
        ...series.map(({ label, color, dash }, i) => ({
          label,
          stroke: () => this.#color(color),
          width: 1.5,
          ...(dash !== undefined && { dash }),
          points: { show: false },
          // The lowest of a stack stands on the axis; the others on the one behind them.
          ...(isStacked && i === series.length - 1 && { fill: () => this.#fill(color) }),
        })),
      ],
      bands: isStacked
        ? series.slice(0, -1).map(({ color }, i) => ({ series: [i + 1, i + 2], fill: () => this.#fill(color) }))
        : [],
      hooks: { setCursor: [() => this.#showLegend()] },
    };
  }

  #makeLegend() {
    const items = this.#options.series.map(({ label, color, dash }) => {
      const value = element('span', { class: 'legend-value' });
      this.#values.push(value);
      const line = dash === undefined ? 'solid' : dash[0] === 2 ? 'dotted' : 'dashed';
      const mark = element('span', {
        class: 'mark',
        'data-color': color,
        'data-line': this.#options.isStacked ? 'area' : line,
        'aria-hidden': 'true',
      });
      return element('li', {}, mark, element('span', { class: 'legend-label' }, label), value);
    });
    return element('div', { class: 'legend' }, element('ul', {}, ...items), this.#time);
  }

  #showLegend() {
    const pointed = this.#plot?.cursor.idx;
    const time = pointed === null || pointed === undefined ? undefined : this.#plot.data[0][pointed];
    for (const [i, value] of this.#values.entries()) {
      const column = this.#columns[i] ?? [];
      setText(value, this.#options.format((time === undefined ? column.at(-1) : column[pointed ?? 0]) ?? null));
    }
    setText(this.#time, time === undefined ? '' : `at ${formatTimeOfDay(time * 1000)}`);
  }

  /** @param {string} name */
  #color(name) {
    return getComputedStyle(this.#mount).getPropertyValue(name);
  }

  /** @param {string} name */
  #fill(name) {
    return `color-mix(in srgb, ${this.#color(name)} 28%, transparent)`;
  }
}

/** Seconds only where they are not all zero. @param {number} ms */
function formatTick(ms) {
  const time = formatTimeOfDay(ms);
  return time.endsWith(':00') ? time.slice(0, -3) : time.slice(-3);
}

/** Each column plus those behind it. Who says nothing adds nothing; null where nobody says anything. @param {(number | null)[][]} columns */
function stacked(columns) {
  const isKnown = (columns[0] ?? []).map((_, place) => columns.some((column) => column[place] !== null));
  /** @type {(number | null)[][]} */
  const sums = [];
  for (const column of columns.toReversed()) {
    const below = sums[0];
    sums.unshift(column.map((value, place) => (isKnown[place] ? (value ?? 0) + (below?.[place] ?? 0) : null)));
  }
  return sums;
}
