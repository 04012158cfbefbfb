/** How an import is getting on: one line that changes on a terminal, else a line every few seconds. */
import { counted, grouped } from '../counts.ts';

export interface ProgressFigures {
  readonly rows: number;
  /** Of the input, from 0 to 1; null: nobody knows how much there is. */
  readonly fraction: number | null;
}

export interface ProgressOutput {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const TERMINAL_EVERY_MS = 200;
const LINE_EVERY_MS = 5_000;
/** The rate shown is that of so much time. */
const RATE_OVER_MS = 5_000;
const BAR_CELLS = 24;
const ERASE_LINE = '\r\x1b[2K';

export class ProgressDisplay {
  readonly #output: ProgressOutput;
  readonly #figures: () => ProgressFigures;
  readonly #nowMs: () => number;
  readonly #seen: { readonly atMs: number; readonly figures: ProgressFigures }[] = [];
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor(output: ProgressOutput, figures: () => ProgressFigures, nowMs = () => performance.now()) {
    this.#output = output;
    this.#figures = figures;
    this.#nowMs = nowMs;
  }

  start(): void {
    this.#seen.push({ atMs: this.#nowMs(), figures: this.#figures() });
    const show = () => this.#output.write(this.#output.isTTY ? `${ERASE_LINE}${this.line()}` : `${this.line()}\n`);
    this.#timer = setInterval(show, this.#output.isTTY ? TERMINAL_EVERY_MS : LINE_EVERY_MS);
    this.#timer.unref();
  }

  /** Leaves nothing of the bar. */
  stop(): void {
    if (this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    if (this.#output.isTTY) this.#output.write(ERASE_LINE);
  }

  /** As of now, without an end; on a terminal no longer than it is wide. */
  line(): string {
    const nowMs = this.#nowMs();
    const figures = this.#figures();
    const seen = this.#seen;
    seen.push({ atMs: nowMs, figures });
    while (seen.length > 2 && seen[1]!.atMs <= nowMs - RATE_OVER_MS) seen.shift();
    const since = seen[0]!;
    const seconds = (nowMs - since.atMs) / 1000;
    const rate = seconds > 0 ? (figures.rows - since.figures.rows) / seconds : 0;
    const parts = [counted(figures.rows, 'row'), `${grouped(Math.round(rate))} rows/s`];
    const { fraction } = figures;
    if (fraction !== null) {
      const speed = seconds > 0 ? (fraction - (since.figures.fraction ?? 0)) / seconds : 0;
      parts.unshift(`${Math.floor(fraction * 100)} %`);
      if (speed > 0) parts.push(`${duration((1 - fraction) / speed)} left`);
    }
    const text = parts.join('  ');
    if (!this.#output.isTTY) return text;
    const line = fraction === null ? text : `${bar(fraction)}  ${text}`;
    const width = (this.#output.columns ?? 80) - 1;
    return (line.length <= width ? line : text).slice(0, Math.max(0, width));
  }
}

function bar(fraction: number): string {
  const full = Math.round(Math.min(1, fraction) * BAR_CELLS);
  return `[${'#'.repeat(full)}${'-'.repeat(BAR_CELLS - full)}]`;
}

function duration(seconds: number): string {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes} min ${String(whole % 60).padStart(2, '0')} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, '0')} min`;
}
