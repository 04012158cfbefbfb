/** The benchmark's connections to the members, opened again where one was lost: a member may be killed during a run. */
import { BenchError } from './bench-error.ts';
import { MemberConnection } from './member-connection.ts';
import type { Format } from './wire.ts';

const reopenMsMax = 30_000;
const pollMs = 250;

export interface Reachable {
  readonly members: readonly MemberConnection[];
  /** Why others are not among them, one line each. */
  readonly problems: readonly string[];
}

export class MemberAccess {
  readonly #urls: readonly string[];
  readonly #format: Format;
  readonly #members: MemberConnection[] = [];
  #isClosed = false;

  constructor(urls: readonly string[], format: Format) {
    this.#urls = urls;
    this.#format = format;
  }

  /** One a member. @throws BenchError if one cannot be reached. */
  async open(): Promise<readonly MemberConnection[]> {
    for (const url of this.#urls) this.#members.push(await MemberConnection.open(url, this.#format));
    return this.#members;
  }

  /** After `open`: waits for members that are away, but not for long. */
  async reopen(progress: (line: string) => void, msMax = reopenMsMax): Promise<Reachable> {
    const away = this.#urls.filter((_, at) => !this.#members[at]!.isOpen);
    if (away.length > 0) progress(`waiting for ${away.join(', ')}`);
    const deadline = performance.now() + msMax;
    const problems = await Promise.all(this.#members.map((_, at) => this.#reopenOne(at, deadline)));
    return {
      members: this.#members.filter((_, at) => problems[at] === null),
      problems: problems.filter((problem) => problem !== null),
    };
  }

  /** Some may be lost by now. */
  get members(): readonly MemberConnection[] {
    return this.#members;
  }

  close(): void {
    this.#isClosed = true;
    for (const member of this.#members) member.close();
  }

  /** Why it could not be reached; null: it is. */
  async #reopenOne(at: number, deadline: number): Promise<string | null> {
    for (;;) {
      if (this.#members[at]!.isOpen) return null;
      try {
        this.#members[at] = await MemberConnection.open(this.#urls[at]!, this.#format);
        if (this.#isClosed) this.#members[at].close();
        return null;
      } catch (error) {
        if (!(error instanceof BenchError)) throw error;
        if (this.#isClosed || performance.now() > deadline) return error.message;
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
}
