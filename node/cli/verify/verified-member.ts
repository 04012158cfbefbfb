/** The members of a group, each with a client that is bound to it. */
import { type Client, ConcertError, type MemberRow } from '../../../client/index.ts';
import { connectGroup } from '../group-client.ts';

export interface VerifiedMember {
  readonly memberId: string;
  readonly url: string;
  /** Bound to this member. */
  readonly client: Client;
}

/** Why the members cannot be compared. */
export class NotComparable extends Error {
  override readonly name = 'NotComparable';
}

export interface FoundMembers {
  /** In the order of the group's own list. */
  readonly members: readonly VerifiedMember[];
  close(): Promise<void>;
}

const OPTIONS = { connectTimeoutMs: 3_000, readYourWrites: false };

/**
 * All members of the group that answers at `said`, what `--url` was given. Where that names a member it is asked there; the
 * others where the group says.
 *
 * @throws NotComparable that names who is not there; CliError if nobody is
 */
export async function findMembers(said: string | undefined): Promise<FoundMembers> {
  const first = await connectGroup(said, OPTIONS);
  try {
    const told = new Map<string, string>();
    if (said === undefined) return await allOf(placesOf(await first.members(), told));
    const views = await Promise.all(first.urls.map((url) => viewFrom(first.at(url), url)));
    const [{ rows, url: firstUrl }] = views as [View];
    for (const { url, memberId } of views) {
      if (!rows.some((row) => row.memberId === memberId)) {
        throw new NotComparable(`${firstUrl} and ${url} are of different groups`);
      }
      if (told.has(memberId)) throw new NotComparable(`${told.get(memberId)} and ${url} are one member, ${memberId}`);
      told.set(memberId, url);
    }
    return await allOf(placesOf(rows, told));
  } finally {
    await first.close();
  }
}

interface Place {
  readonly memberId: string;
  readonly url: string;
}

/** `told`: URLs by member id. */
function placesOf(rows: readonly MemberRow[], told: ReadonlyMap<string, string>): readonly Place[] {
  return rows.map((row) => ({ memberId: row.memberId, url: told.get(row.memberId) ?? urlOf(row) }));
}

interface View {
  readonly url: string;
  readonly memberId: string;
  readonly rows: readonly MemberRow[];
}

async function allOf(wanted: readonly Place[]): Promise<FoundMembers> {
  const client = await connectGroup(wanted.map(({ url }) => url).join(','), OPTIONS);
  try {
    const views = await Promise.all(wanted.map(({ url }) => viewFrom(client.at(url), url)));
    const members = wanted.map(({ memberId, url }, place) => {
      const found = views[place]!.memberId;
      if (found !== memberId) throw new NotComparable(`${url} leads to member ${found} where ${memberId} is expected`);
      return { memberId, url, client: client.at(url) };
    });
    return { members, close: () => client.close() };
  } catch (error) {
    await client.close();
    throw error;
  }
}

/** What the member at `url` says of its group, and who it is. */
async function viewFrom(client: Client, url: string): Promise<View> {
  let rows: readonly MemberRow[];
  try {
    rows = await client.members();
  } catch (error) {
    if (!(error instanceof ConcertError)) throw error;
    throw new NotComparable(`the member at ${url} does not answer: ${error.code}: ${error.message}`, { cause: error });
  }
  const status = client.status().find((one) => one.url === url);
  const self = rows.find(({ memberId }) => memberId === status?.memberId);
  if (self === undefined) throw new NotComparable(`the member at ${url} is of no group yet`);
  if (self.state !== 'ONLINE') throw new NotComparable(`member ${self.memberId} at ${url} is ${self.state}`);
  return { url, memberId: self.memberId, rows };
}

/** Codes of a member that is not there, or not able to serve. */
const ABSENT = new Set([
  'CONNECTION_FAILED',
  'CONNECTION_LOST',
  'NOT_ONLINE',
  'NO_QUORUM',
  'SHUTTING_DOWN',
  'DISK_FULL',
  'PROTOCOL',
]);

/** The member's answer. @throws NotComparable that names it where it is not there; ConcertError */
export async function answerOf<T>({ memberId, url }: VerifiedMember, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    if (!(error instanceof ConcertError) || !ABSENT.has(error.code)) throw error;
    throw new NotComparable(`member ${memberId} at ${url}: ${error.code}: ${error.message}`, { cause: error });
  }
}

function urlOf({ host, port }: MemberRow): string {
  return `ws://${host.includes(':') ? `[${host}]` : host}:${port}/v1`;
}
