/** What the entries up to some index leave behind, without the entries: the last message of each member, and which large ones are not complete. */
import type { Incarnation, LogIndex, MemberOrdinal } from '../../base/index.ts';
import { assert } from '../../base/index.ts';
import type { LastMessage, LastMessages } from '../types.ts';
import { memberOf } from '../views.ts';
import type { EntryTable } from './entry-table.ts';

interface Begun {
  readonly incarnation: Incarnation;
  readonly from: LogIndex;
}

export class LogSummary {
  readonly #last: Map<MemberOrdinal, LastMessage>;
  /** Messages with a fragment before `index` and no last one. */
  readonly #begun: Map<MemberOrdinal, Begun>;
  #index: LogIndex;

  constructor(index: LogIndex, last: LastMessages, begun: ReadonlyMap<MemberOrdinal, Begun> = new Map()) {
    this.#index = index;
    this.#last = new Map(last);
    this.#begun = new Map(begun);
  }

  get index(): LogIndex {
    return this.#index;
  }

  /** By ordinal. */
  get lastMessages(): LastMessages {
    return new Map([...this.#last].sort(([one], [other]) => one - other));
  }

  /**
   * The lowest index of a fragment whose message is not complete; the next index if there is none. Of a message that
   * began before the log: the base's.
   */
  get partialFrom(): LogIndex {
    let from = this.#index + 1;
    for (const begun of this.#begun.values()) from = Math.min(from, begun.from);
    return from;
  }

  copy(): LogSummary {
    return new LogSummary(this.#index, this.#last, this.#begun);
  }

  /** Cost: O(entries). */
  advance(table: EntryTable, upTo: LogIndex): this {
    for (let index = this.#index + 1; index <= upTo; index++) {
      const kind = table.kindAt(index);
      assert(kind !== null, 'an entry that cannot be read is not summed up');
      if (kind === 'noop') continue;
      if (kind === 'view') this.#enterView(table, index);
      else this.#take(table, index, kind === 'fragment');
    }
    this.#index = Math.max(this.#index, upTo);
    return this;
  }

  /** Nothing of who left comes any more (H15). */
  #enterView(table: EntryTable, index: LogIndex): void {
    const { view } = table.views.find((each) => each.index === index)!;
    for (const origin of this.#last.keys()) if (memberOf(view, origin) === undefined) this.#last.delete(origin);
    for (const origin of this.#begun.keys()) if (memberOf(view, origin) === undefined) this.#begun.delete(origin);
  }

  #take(table: EntryTable, index: LogIndex, isFragment: boolean): void {
    const { origin, incarnation, messageNumber } = table.senderOf(index);
    this.#last.set(origin, { incarnation, messageNumber });
    const begun = this.#begun.get(origin);
    if (begun !== undefined && begun.incarnation !== incarnation) this.#begun.delete(origin);
    if (!isFragment) return;
    if (table.isLastFragment(index)) this.#begun.delete(origin);
    else if (!this.#begun.has(origin)) {
      this.#begun.set(origin, { incarnation, from: table.isFirstFragment(index) ? index : table.base.index });
    }
  }
}
