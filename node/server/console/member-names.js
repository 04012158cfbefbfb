/** @import { MemberRow } from '../../engine/replica.ts' */

/**
 * @typedef {object} MemberName
 * @property {string} full the address of its port for clients
 * @property {string} short what of it tells the members apart, where there is little room
 * @property {number} place in the group's list, from 0; decides its colour
 */

/** @typedef {ReadonlyMap<string, MemberName>} MemberNames by member id */

/**
 * Where several members have told the same address (as behind `--host 0.0.0.0`), the beginning of the member id joins it.
 *
 * @param {readonly MemberRow[]} rows
 * @returns {MemberNames}
 */
export function memberNames(rows) {
  const addresses = rows.map(addressOf);
  const shortOf = shortening(rows);
  return new Map(
    rows.map((row, place) => {
      const address = addressOf(row);
      const isShared = addresses.indexOf(address) !== addresses.lastIndexOf(address);
      const id = shortId(row.memberId);
      return [
        row.memberId,
        isShared ? { full: `${address} (${id})`, short: id, place } : { full: address, short: shortOf(row), place },
      ];
    }),
  );
}

/** What is the same for all says nothing. @param {readonly MemberRow[]} rows @returns {(row: MemberRow) => string} */
function shortening(rows) {
  if (rows.length > 1 && rows.every(({ host }) => host === rows[0]?.host)) return ({ port }) => `:${port}`;
  if (rows.length > 1 && rows.every(({ port }) => port === rows[0]?.port)) return ({ host }) => host;
  return addressOf;
}

/** Also of one that is no member any more. @param {MemberNames} names @param {string} memberId @returns {MemberName} */
export function nameOf(names, memberId) {
  return names.get(memberId) ?? { full: shortId(memberId), short: shortId(memberId), place: names.size };
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
