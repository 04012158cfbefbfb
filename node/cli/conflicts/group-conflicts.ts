/** The conflicts of a whole group: each member is asked for those that it knows. */
import { type Client, ConcertError, type ConflictRow } from '../../../client/index.ts';
import { failed } from '../cli-error.ts';
import { hostOf } from '../member-label.ts';
import { ConflictTally } from './conflict-tally.ts';

/** What a member keeps. */
const CONFLICTS_OF_MEMBER_MAX = 10_000;
/** As many as usually come between two questions. */
const ASKED_AGAIN = 100;
const ANSWER_MS_MAX = 5_000;

export class GroupConflicts {
  readonly tally = new ConflictTally();
  readonly #client: Client;
  readonly #table: string | undefined;
  readonly #note: (line: string) => void;
  readonly #silent = new Set<string>();
  #isFirst = true;

  /** `note`: told which members do not answer, and when they do again. */
  constructor(client: Client, table: string | undefined, note: (line: string) => void) {
    this.#client = client;
    this.#table = table;
    this.#note = note;
  }

  /** Those that nobody has told before, oldest first. @throws CliError if the first time nobody answers */
  async ask(): Promise<readonly ConflictRow[]> {
    const limit = this.#isFirst ? CONFLICTS_OF_MEMBER_MAX : ASKED_AGAIN;
    const answers = await Promise.all(this.#client.urls.map((url) => this.#askMember(url, limit)));
    if (this.#isFirst && answers.every((answer) => answer === null)) throw failed('no member answers');
    this.#isFirst = false;
    const added = answers.flatMap((answer) => this.tally.add(answer ?? []));
    return added.sort((one, other) => (one.time < other.time ? -1 : 1));
  }

  async #askMember(url: string, limit: number): Promise<readonly ConflictRow[] | null> {
    // One that is known to be gone is not waited for.
    const lost = this.#client.status().find((status) => status.url === url && status.connections === 0)?.problem;
    if (lost != null) return this.#isSilent(url, lost);
    const member = this.#client.at(url);
    const asked = this.#table === undefined ? {} : { table: this.#table };
    const options = { attempts: 1, timeoutMs: ANSWER_MS_MAX };
    try {
      const conflicts = await member.request<ConflictRow[]>('conflicts', { ...asked, limit }, options);
      if (this.#silent.delete(url)) this.#note(`${hostOf(url)} answers again`);
      // All of them new: there may be more behind.
      const isCut = limit < CONFLICTS_OF_MEMBER_MAX && conflicts.length === limit && !this.tally.has(conflicts.at(-1)!);
      return isCut ? this.#askMember(url, CONFLICTS_OF_MEMBER_MAX) : conflicts;
    } catch (error) {
      if (!(error instanceof ConcertError)) throw error;
      return this.#isSilent(url, error.message);
    }
  }

  #isSilent(url: string, problem: string): null {
    if (!this.#silent.has(url)) {
      this.#note(`${hostOf(url)} does not answer (${problem}): conflicts that only it knows are missing`);
    }
    this.#silent.add(url);
    return null;
  }
}
