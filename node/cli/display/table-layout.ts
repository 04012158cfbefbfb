/** Rows as an aligned table, block by block: columns and widths grow with what comes, and then the head is repeated. */
import { cellText, cut, fitted, widthOf } from './cell-text.ts';

export type TableRow = Readonly<Record<string, unknown>>;

/** No column is made narrower than this for the sake of the others. */
const CELL_WIDTH_MIN = 12;
/** Where no terminal says how much room there is. */
const CELL_WIDTH_MAX = 120;
const GAP = 3;

export class TableLayout {
  /** Columns of the terminal; null: as wide as needed. */
  readonly #widthMax: number | null;
  readonly #columns: string[] = [];
  /** Of the widest cell so far, its head included. */
  readonly #widest = new Map<string, number>();
  #widths: readonly number[] = [];

  /** `columns`: the first ones, in this order, whatever the rows hold. */
  constructor(widthMax: number | null, columns: readonly string[] = []) {
    this.#widthMax = widthMax;
    for (const column of columns) this.#add(column);
  }

  /** Whether columns of a readable width do not fit beside each other. */
  isTooWide(rows: readonly TableRow[]): boolean {
    this.#measure(rows);
    if (this.#widthMax === null) return false;
    return total(this.#columns.map((column) => Math.min(CELL_WIDTH_MIN, this.#widest.get(column)!))) > this.#widthMax;
  }

  /** Lines of `rows`, each ending in a newline; under a head, if it is a new one. */
  render(rows: readonly TableRow[]): string {
    this.#measure(rows);
    const widths = this.#fit();
    const isNewHead = widths.length !== this.#widths.length || widths.some((width, i) => width !== this.#widths[i]);
    this.#widths = widths;
    const lines: string[] = [];
    if (isNewHead) {
      lines.push(this.#line(this.#columns.map((column, i) => fitted(cellText(column), widths[i]!))));
      lines.push(
        widths
          .map((width) => '─'.repeat(width + GAP - 1))
          .join('┼')
          .slice(0, -1),
      );
    }
    for (const row of rows) {
      const cells = this.#columns.map((column, i) => {
        const value = row[column];
        return fitted(cellText(value), widths[i]!, isNumeric(value) ? 'right' : 'left');
      });
      lines.push(this.#line(cells));
    }
    return lines.map((line) => `${line.trimEnd()}\n`).join('');
  }

  #line(cells: readonly string[]): string {
    return ` ${cells.join(' │ ')}`;
  }

  #measure(rows: readonly TableRow[]): void {
    for (const row of rows) {
      for (const column of Object.keys(row)) {
        this.#add(column);
        const width = widthOf(cut(cellText(row[column]), this.#widthMax ?? CELL_WIDTH_MAX));
        if (width > this.#widest.get(column)!) this.#widest.set(column, width);
      }
    }
  }

  #add(column: string): void {
    if (this.#widest.has(column)) return;
    this.#columns.push(column);
    this.#widest.set(column, Math.max(1, widthOf(cut(cellText(column), this.#widthMax ?? CELL_WIDTH_MAX))));
  }

  /** The widest columns give way until all fit, or none may become narrower. */
  #fit(): readonly number[] {
    const widest = this.#columns.map((column) => this.#widest.get(column)!);
    if (this.#widthMax === null) return widest;
    let cap = Math.max(CELL_WIDTH_MIN, ...widest);
    while (cap > CELL_WIDTH_MIN && total(widest.map((width) => Math.min(width, cap))) > this.#widthMax) cap--;
    return widest.map((width) => Math.min(width, cap));
  }
}

/** Each row as one line a column, under a line with its number. `from`: the number of the first, from 1. */
export function renderExpanded(rows: readonly TableRow[], from: number): string {
  const lines: string[] = [];
  rows.forEach((row, i) => {
    const columns = Object.keys(row);
    const width = Math.max(4, ...columns.map((column) => widthOf(cellText(column))));
    lines.push(`─[ ${from + i} ]${'─'.repeat(width)}`);
    for (const column of columns) lines.push(` ${fitted(cellText(column), width)} │ ${cellText(row[column])}`);
  });
  return lines.map((line) => `${line.trimEnd()}\n`).join('');
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + GAP, 0) - 2;
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'bigint';
}
