import { randomInt, randomUUID } from 'node:crypto';
import type { Random } from '../base/index.ts';
import { SeededRandom } from '../base/index.ts';

/** Seeded from the system. Numbers are for spreading in time, not for secrets; a UUID is drawn anew from the system. */
export class SystemRandom implements Random {
  readonly #numbers = new SeededRandom(randomInt(2 ** 32));

  below(bound: number): number {
    return this.#numbers.below(bound);
  }

  uuid(): string {
    return randomUUID();
  }
}
