/** Those who wait for a connection, first come first served. */

import type { ConcertError } from '../concert-error.ts';
import type { Connection } from './connection.ts';
import type { Member } from './member.ts';

/** Who wants a connection. One of the two is called, once, unless it has given up before. */
export interface Seeker {
  /** Where it has just failed: used only if there is no other. */
  readonly avoided: Member | null;
  /** Needs room for one more open transaction, too. */
  readonly opensTransaction: boolean;
  readonly hasGivenUp: boolean;
  placed(connection: Connection): void;
  notPlaced(error: ConcertError): void;
}

interface Place {
  readonly seeker: Seeker;
  sinceMs: number;
}

export class Line {
  #places: Place[] = [];
  #head = 0;

  /** Those who have given up and are not found yet included. */
  get length(): number {
    return this.#places.length - this.#head;
  }

  join(seeker: Seeker, nowMs: number): void {
    this.#places.push({ seeker, sinceMs: nowMs });
  }

  /** Who comes next, and stays; undefined: nobody waits. */
  first(): Seeker | undefined {
    for (let place = this.#places[this.#head]; place !== undefined; place = this.#places[this.#head]) {
      if (!place.seeker.hasGivenUp) return place.seeker;
      this.leave();
    }
    return undefined;
  }

  /** The one who comes next leaves. */
  leave(): void {
    this.#head++;
    if (this.#head * 2 < this.#places.length) return;
    this.#places = this.#places.slice(this.#head);
    this.#head = 0;
  }

  /** When the longest wait began. */
  sinceMs(): number | null {
    return this.first() === undefined ? null : this.#places[this.#head]!.sinceMs;
  }

  /** Their waits begin now. */
  startAnew(nowMs: number): void {
    for (let i = this.#head; i < this.#places.length; i++) this.#places[i]!.sinceMs = nowMs;
  }

  takeAll(): readonly Seeker[] {
    const seekers = this.#places.slice(this.#head).map((place) => place.seeker);
    this.#places = [];
    this.#head = 0;
    return seekers.filter((seeker) => !seeker.hasGivenUp);
  }
}
