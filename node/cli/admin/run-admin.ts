/** What `concert admin` does: asks the member that can do it, and says what came of it in one line, or as JSON. */
import { setTimeout as delay } from 'node:timers/promises';
import { type Client, ConcertError, type MemberRow } from '../../../client/index.ts';
import { failed, wrongOption } from '../cli-error.ts';
import { connectGroup } from '../group-client.ts';

/** The member itself answers earlier, with what it waited for. */
const ANSWER_MS_MAX = 30_000;
const POLL_MS = 200;
const LEADER_MS_MAX = 10_000;

type Out = Pick<NodeJS.WriteStream, 'write'>;

interface Done {
  readonly op: string;
  readonly memberId: string | null;
  readonly viewId: string | null;
}

export async function leave(asked: { readonly url: string; readonly json: boolean }, out: Out): Promise<number> {
  return withGroup(asked.url, async (client) => {
    const member = await askedMember(client);
    const { viewId } = await ask(client, 'leave', {});
    return told(
      out,
      asked.json,
      { op: 'leave', memberId: member.memberId, viewId },
      `${nameOf(member)} left the group`,
    );
  });
}

export async function join(
  asked: { readonly url: string; readonly waitSeconds: number; readonly json: boolean },
  out: Out,
): Promise<number> {
  const { url, waitSeconds, json } = asked;
  const memberId = await withGroup(url, async (client) => {
    const id = client.status()[0]?.memberId ?? null;
    await ask(client, 'join', {});
    return id;
  });
  if (waitSeconds === 0)
    return told(out, json, { op: 'join', memberId, viewId: null }, `${hostOf(url)} joins the group`);
  const row = await online(url, waitSeconds * 1000);
  return told(out, json, { op: 'join', memberId, viewId: row.viewId }, `${nameOf(row)} is ONLINE`);
}

export async function expel(
  asked: { readonly url: string | undefined; readonly member: string; readonly json: boolean },
  out: Out,
): Promise<number> {
  return withGroup(asked.url, async (client) => {
    const member = memberCalled(asked.member, await client.members());
    const { viewId } = await ask(client, 'expel', { memberId: member.memberId });
    const done = { op: 'expel', memberId: member.memberId, viewId };
    return told(out, asked.json, done, `${nameOf(member)} was expelled; the view is ${viewId}`);
  });
}

export async function transferLeader(
  asked: { readonly url: string | undefined; readonly member: string | null; readonly json: boolean },
  out: Out,
): Promise<number> {
  const rows = await withGroup(asked.url, (client) => client.members());
  const to = asked.member === null ? null : memberCalled(asked.member, rows);
  const leader = rows.find(({ leads }) => leads === true);
  if (leader === undefined) throw failed('no member leads the log now; try again when one does');
  if (to?.memberId === leader.memberId) throw failed(`${nameOf(leader)} leads already`);
  return withGroup(urlOf(leader), async (client) => {
    await ask(client, 'transferLeadership', { memberId: to?.memberId ?? null });
    const next = await otherLeader(client, leader.memberId);
    const done = { op: 'transferLeadership', memberId: next.memberId, viewId: next.viewId };
    return told(out, asked.json, done, `${nameOf(next)} leads the log, no longer ${nameOf(leader)}`);
  });
}

/** The one row that `called` means. @throws CliError */
export function memberCalled(called: string, rows: readonly MemberRow[]): MemberRow {
  const byAddress = rows.filter((row) => nameOf(row) === called);
  const found = byAddress.length > 0 ? byAddress : rows.filter(({ memberId }) => memberId.startsWith(called));
  if (found.length === 1) return found[0]!;
  const members = rows.map((row) => `${row.memberId} (${nameOf(row)})`).join(', ');
  const problem = found.length === 0 ? 'is none of the members' : 'is the beginning of several';
  throw wrongOption(`MEMBER ${JSON.stringify(called)} ${problem}: ${members}`);
}

export async function withGroup<T>(url: string | undefined, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await connectGroup(url, { prefer: 'first', timeoutMs: ANSWER_MS_MAX });
  try {
    return await work(client);
  } finally {
    await client.close({ timeoutMs: 0 });
  }
}

export async function ask<T = { readonly viewId: string | null }>(
  client: Client,
  op: string,
  args: object,
): Promise<T> {
  try {
    return await client.request(op, args, { attempts: 1, timeoutMs: ANSWER_MS_MAX });
  } catch (error) {
    if (!(error instanceof ConcertError)) throw error;
    throw failed(`${op}: ${error.message}`, error);
  }
}

/** The row of the member that was asked. */
async function askedMember(client: Client): Promise<MemberRow> {
  const rows = await client.members();
  const memberId = client.status()[0]?.memberId;
  const row = rows.find((each) => each.memberId === memberId);
  if (row === undefined) throw failed('this member belongs to no group now');
  return row;
}

/** Waits until the member there is ONLINE; its connections are closed meanwhile. @throws CliError */
async function online(url: string, waitMs: number): Promise<MemberRow> {
  const giveUpMs = performance.now() + waitMs;
  let state = 'not reached';
  while (performance.now() < giveUpMs) {
    try {
      const row = await withGroup(url, askedMember);
      if (row.state === 'ONLINE') return row;
      state = row.state;
    } catch {
      // It begins anew.
    }
    await delay(POLL_MS);
  }
  throw failed(
    `${hostOf(url)} was told to join, and is ${state} after ${waitMs / 1000} s; it goes on: see concert status`,
  );
}

async function otherLeader(client: Client, before: string): Promise<MemberRow> {
  const giveUpMs = performance.now() + LEADER_MS_MAX;
  while (performance.now() < giveUpMs) {
    const leader = (await client.members()).find(({ leads }) => leads === true);
    if (leader !== undefined && leader.memberId !== before) return leader;
    await delay(POLL_MS);
  }
  throw failed('the leader was told, and no other member leads yet: see concert status');
}

function told(out: Out, json: boolean, done: Done, line: string): number {
  out.write(json ? `${JSON.stringify(done)}\n` : `${line}\n`);
  return 0;
}

export function nameOf({ host, port }: MemberRow): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

export function urlOf(member: MemberRow): string {
  return `ws://${nameOf(member)}/v1`;
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
