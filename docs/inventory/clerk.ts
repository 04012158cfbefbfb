/** A clerk works at one member, with what chance brings: an order, a return of an earlier one, or a correction. */
import type { Client, ConcertError, TransactionOptions } from '../../client/index.ts';
import { correctStock, type Line, placeOrder, returnOrder } from './shop.ts';

export interface Tally {
  orders: number;
  soldOut: number;
  returns: number;
  corrections: number;
}

/** A transaction that has to be run again, and why. */
export interface Loss {
  /** Where it ran. */
  readonly shop: string;
  readonly error: ConcertError;
}

export class Clerk {
  readonly shop: string;
  readonly tally: Tally = { orders: 0, soldOut: 0, returns: 0, corrections: 0 };
  /** Orders of this clerk that were acknowledged. */
  readonly placed: string[] = [];
  readonly #client: Client;
  readonly #name: string;
  readonly #products: number;
  readonly #options: TransactionOptions;
  #lastNumber = 0;

  constructor(setup: {
    shop: string;
    client: Client;
    name: string;
    products: number;
    lost: (error: ConcertError) => void;
  }) {
    this.shop = setup.shop;
    this.#client = setup.client;
    this.#name = setup.name;
    this.#products = setup.products;
    // Whoever loses tries again, on what the winner has left: here as long as it takes.
    this.#options = { attempts: 1_000, onRetry: setup.lost };
  }

  async work(until: () => boolean): Promise<void> {
    while (!until()) await this.#next();
  }

  async #next(): Promise<void> {
    const id = `${this.#name}-${++this.#lastNumber}`;
    const kind = Math.random();
    if (kind < 0.65) {
      const isSold = await placeOrder(this.#client, { id, lines: this.#basket() }, this.#options);
      this.tally[isSold ? 'orders' : 'soldOut']++;
      if (isSold) this.placed.push(id);
    } else if (kind < 0.85 && this.placed.length > 0) {
      const order = this.placed[below(this.placed.length)]!;
      if (await returnOrder(this.#client, order, this.#options)) this.tally.returns++;
    } else {
      const counted = (booked: number) => Math.max(0, booked + below(7) - 2);
      await correctStock(this.#client, { id, product: this.#product(), counted }, this.#options);
      this.tally.corrections++;
    }
  }

  #basket(): Line[] {
    const products = new Set(Array.from({ length: 1 + below(3) }, () => this.#product()));
    return [...products].map((product) => ({ product, quantity: 1 + below(2) }));
  }

  /** Few products sell much: the square draws the low numbers more often. */
  #product(): number {
    return 1 + Math.floor(Math.random() ** 2 * this.#products);
  }
}

function below(limit: number): number {
  return Math.floor(Math.random() * limit);
}
