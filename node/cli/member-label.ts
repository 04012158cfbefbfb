import type { MemberRow, MemberStatus } from '../../client/index.ts';

export type MemberLabel = (memberId: string) => string;

/** Names members by the address that clients reach them at, as far as it is known; else by the beginning of their id. */
export function memberLabel(statuses: readonly MemberStatus[], rows: readonly MemberRow[]): MemberLabel {
  const known = new Map(rows.map(({ memberId, host, port }) => [memberId, `${host}:${port}`]));
  // What was typed is what is known best.
  for (const { memberId, url } of statuses) if (memberId !== null) known.set(memberId, hostOf(url));
  return (memberId) => known.get(memberId) ?? memberId.slice(0, 8);
}

/** `127.0.0.1:7001` of `ws://127.0.0.1:7001/v1`. */
export function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).host : url;
}
