/** What ends together with a test, or with whatever else uses a group. */

/** As far as a test's context is needed here; `Scope` is one without a test. */
export interface Cleanup {
  after(cleanup: () => void | Promise<void>): void;
  /** False once the test has failed. */
  readonly passed?: boolean;
  diagnostic?(message: string): void;
}

export class Scope implements Cleanup {
  readonly #cleanups: (() => void | Promise<void>)[] = [];
  passed = true;

  after(cleanup: () => void | Promise<void>): void {
    this.#cleanups.push(cleanup);
  }

  diagnostic(message: string): void {
    process.stderr.write(`${message}\n`);
  }

  /** The newest first: what was made later may need what was there. All are done; the first failure is thrown then. */
  async end(): Promise<void> {
    const failures: unknown[] = [];
    for (let next = this.#cleanups.pop(); next !== undefined; next = this.#cleanups.pop()) {
      try {
        await next();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
