/** xoshiro128** (Blackman, Vigna), seeded by splitmix32. The simulator's chance, and the driver's, with a seed from the system. */
import type { Random } from './environment.ts';
import { hash32 } from './hash.ts';

export class SeededRandom implements Random {
  readonly #seed: number;
  readonly #state = new Int32Array(4);

  constructor(seed: number) {
    this.#seed = seed >>> 0;
    let mixed = this.#seed;
    for (let i = 0; i < 4; i++) {
      mixed = (mixed + 0x9e3779b9) | 0;
      let z = mixed ^ (mixed >>> 16);
      z = Math.imul(z, 0x21f0aaad);
      z ^= z >>> 15;
      z = Math.imul(z, 0x735a2d97);
      this.#state[i] = z ^ (z >>> 15);
    }
  }

  /** A stream of its own, fixed by this one's seed and `name`: drawing from one does not shift another. */
  split(name: string): SeededRandom {
    return new SeededRandom(hash32(name, this.#seed));
  }

  below(bound: number): number {
    if (bound <= 1) return 0;
    const limit = Math.floor(0x1_0000_0000 / bound) * bound;
    for (;;) {
      const drawn = this.#next() >>> 0;
      if (drawn < limit) return drawn % bound;
    }
  }

  /** True `percent` times of a hundred. */
  chance(percent: number): boolean {
    return this.below(1_000_000) < percent * 10_000;
  }

  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number {
    return low + this.below(high - low + 1);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  uuid(): string {
    const digits: string[] = [];
    for (let i = 0; i < 32; i++) {
      const digit = i === 12 ? 4 : i === 16 ? 8 + this.below(4) : this.below(16);
      digits.push(digit.toString(16));
      if (i === 7 || i === 11 || i === 15 || i === 19) digits.push('-');
    }
    return digits.join('');
  }

  #next(): number {
    const s = this.#state;
    const scaled = Math.imul(s[1]!, 5);
    const result = Math.imul((scaled << 7) | (scaled >>> 25), 9);
    const shifted = s[1]! << 9;
    s[2]! ^= s[0]!;
    s[3]! ^= s[1]!;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= shifted;
    s[3] = (s[3]! << 11) | (s[3]! >>> 21);
    return result;
  }
}
