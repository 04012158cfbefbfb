/** Which addresses a member serves, and which pages may talk to it. */
import { isIP, isIPv4 } from 'node:net';

/** Whether only this machine can reach `host`: a name or an IP address, without brackets. */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  if (name === 'localhost' || name.endsWith('.localhost') || name === '::1') return true;
  return isIPv4(name) && name.startsWith('127.');
}

/**
 * Whether a browser's page of `origin` may open a connection to a request's `host` header: pages of this machine, and
 * this server's own. On loopback the own page is reached by an address, never by a name: a name that leads here may
 * be a stranger's (DNS rebinding). No origin: not a browser.
 */
export function isOriginAllowed(request: {
  readonly origin: string | undefined;
  readonly host: string | undefined;
  readonly servesLoopbackOnly: boolean;
}): boolean {
  if (request.origin === undefined) return true;
  const url = URL.parse(request.origin);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false;
  const name = url.hostname.replace(/^\[|\]$/g, '');
  if (isLoopback(name)) return true;
  return url.host === request.host && (!request.servesLoopbackOnly || isIP(name) !== 0);
}

/** `host:port`, with brackets around an IPv6 address. */
export function addressOf(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
