/**
 * What `{"$generate": "sequence"}` gives: whole numbers that no member gives twice, without a word between members. Each run
 * of each stay in the group has a range of its own, found from two numbers that are never the same for two of them: the
 * ordinal of the stay, and the incarnation of the run, which is counted durably. Within it they count up. So they ascend at
 * each member, over its restarts too; at different members they lie apart, and say nothing about which came first.
 *
 * The ranges are numbered as Cantor counts pairs, so that few members with few restarts have small numbers.
 */
import { overloaded } from '../errors.ts';
import type { Replica } from '../replica.ts';

/** Numbers of one run: more than a hundred thousand a second for a day and a half. */
const RANGE = 2 ** 34;
/** Ranges within 64 bits: ordinal and incarnation make some 32,000 together. */
const RANGES_MAX = 2 ** 29;
const RETRY_MS = 60_000;

export class GeneratedNumbers {
  readonly #replica: Pick<Replica, 'ordinal' | 'incarnation'>;
  #range = -1;
  #last = 0;

  constructor(replica: Pick<Replica, 'ordinal' | 'incarnation'>) {
    this.#replica = replica;
  }

  /** Canonical: a bigint where it is no safe integer. @throws RequestError OVERLOADED: there are no more */
  next(): number | bigint {
    const { ordinal, incarnation } = this.#replica;
    const sum = ordinal + incarnation;
    const range = (sum * (sum + 1)) / 2 + ordinal;
    if (range !== this.#range) {
      this.#range = range;
      this.#last = 0;
    }
    if (range >= RANGES_MAX || this.#last + 1 >= RANGE) {
      throw overloaded(RETRY_MS, 'This member has generated all numbers that it may; give the column a value');
    }
    const value = range * RANGE + ++this.#last;
    return Number.isSafeInteger(value) ? value : BigInt(range) * BigInt(RANGE) + BigInt(this.#last);
  }
}
