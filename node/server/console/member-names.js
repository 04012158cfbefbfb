/** @import { MemberRow } from '../../engine/replica.ts' */

/**
 * What members are called: the address of their port for clients; where several have told the same one (as behind
 * `--host 0.0.0.0`), the beginning of the member id as well.
 *
 * @param {readonly MemberRow[]} rows
 * @returns {ReadonlyMap<string, string>} by member id
 */
export function memberNames(rows) {
  /** @type {Map<string, number>} */
  const uses = new Map();
  for (const row of rows) uses.set(addressOf(row), (uses.get(addressOf(row)) ?? 0) + 1);
  return new Map(
    rows.map((row) => {
      const address = addressOf(row);
      return [row.memberId, uses.get(address) === 1 ? address : `${address} (${shortId(row.memberId)})`];
    }),
  );
}

/** `host:port`, with brackets around an IPv6 address. @param {{ readonly host: string, readonly port: number }} row */
export function addressOf({ host, port }) {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether a browser can go there: an address to listen on at every interface names no machine. @param {{ readonly host: string }} row */
export function isReachableAddress({ host }) {
  return host !== '0.0.0.0' && host !== '::';
}

/** @param {string} memberId */
export function shortId(memberId) {
  return memberId.slice(0, 8);
}
