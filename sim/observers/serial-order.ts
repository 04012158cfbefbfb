/**
 * That there is a serial order of the transactions which asked for one (Adya 1999, PL-3): who reads a version comes behind its
 * writer and before whoever overwrites it, and versions of a row come one behind the other. Taken from what clients were told
 * that they read, and from every version that was ordered; nothing of it is asked of a certifier. Of transactions of
 * other levels, what they wrote counts.
 */
import type { SequenceNumber } from '../../gcs/base/index.ts';
import type { Judge } from './judge.ts';

/** One that read all of this at one snapshot. */
export interface SerialReader {
  readonly name: string;
  /** Its place in the order; null: it wrote nothing. */
  readonly sequenceNumber: SequenceNumber | null;
  readonly snapshot: SequenceNumber;
  /** Of each row, absent ones too: who wrote it, in order. */
  readonly read: Iterable<readonly SequenceNumber[]>;
}

export class SerialOrder {
  readonly #names: string[] = [];
  /** By node: those that it depends on. */
  readonly #before: Set<number>[] = [];
  readonly #after: Set<number>[] = [];

  /** `rows`: of each row who wrote it, in order. */
  constructor(upTo: SequenceNumber, rows: Iterable<readonly SequenceNumber[]>) {
    for (let sequenceNumber = 0; sequenceNumber <= upTo; sequenceNumber++) this.#addNode(String(sequenceNumber));
    for (const writers of rows) {
      for (let at = 1; at < writers.length; at++) this.#addEdge(writers[at - 1]!, writers[at]!);
    }
  }

  add({ name, sequenceNumber, snapshot, read }: SerialReader): void {
    const node = sequenceNumber ?? this.#addNode(name);
    this.#names[node] = name;
    for (const writers of read) {
      const seen = writers.findLastIndex((writer) => writer <= snapshot);
      if (seen >= 0) this.#addEdge(writers[seen]!, node);
      if (seen + 1 < writers.length) this.#addEdge(node, writers[seen + 1]!);
    }
  }

  /** Takes away whoever depends on nobody that is left: what stays depends on itself. */
  check(judge: Judge): void {
    const waiting = this.#before.map((before) => before.size);
    const free = waiting.flatMap((count, node) => (count === 0 ? [node] : []));
    for (let node = free.pop(); node !== undefined; node = free.pop()) {
      for (const next of this.#after[node]!) if (--waiting[next]! === 0) free.push(next);
    }
    const first = waiting.findIndex((count) => count > 0);
    judge.check(first < 0, () => `no serial order has ${this.#circleAt(first, waiting)}`);
  }

  #circleAt(first: number, waiting: readonly number[]): string {
    const path = [first];
    for (;;) {
      const before = [...this.#before[path.at(-1)!]!].find((node) => waiting[node]! > 0)!;
      const at = path.indexOf(before);
      if (at >= 0)
        return [...path.slice(at), before]
          .reverse()
          .map((node) => this.#names[node])
          .join(', then ');
      path.push(before);
    }
  }

  #addNode(name: string): number {
    this.#before.push(new Set());
    this.#after.push(new Set());
    return this.#names.push(name) - 1;
  }

  #addEdge(from: number, to: number): void {
    if (from === to) return;
    this.#after[from]!.add(to);
    this.#before[to]!.add(from);
  }
}
