/** The client's options with their defaults, and the addresses of the members; wrong ones are refused by name. */
import type { ClientOptions } from '../types.ts';
import { invalidArgument } from './own-errors.ts';

export type Settings = Required<Omit<ClientOptions, 'timeoutMs'>> & { readonly timeoutMs: number | null };

const DEFAULTS: Settings = {
  prefer: 'spread',
  connectionsPerMember: 1,
  connectTimeoutMs: 10_000,
  attempts: 20,
  timeoutMs: null,
  retryMs: 5,
  retryMsMax: 1_000,
  reconnectMs: 50,
  reconnectMsMax: 5_000,
  outstandingMax: 1_024,
  queuedMax: 16_384,
  bufferedBytesMax: 1024 * 1024,
  silenceMsMax: 10_000,
  eventsMax: 1_024,
  readYourWrites: true,
};

/** @throws ConcertError INVALID_ARGUMENT */
export function settingsOf(options: ClientOptions): Settings {
  const settings: Record<string, unknown> = { ...DEFAULTS };
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(DEFAULTS, name)) throw invalidArgument(name, 'there is no such option of connect');
    if (value === undefined) continue;
    requireFitting(name, value);
    settings[name] = value;
  }
  return settings as unknown as Settings;
}

function requireFitting(name: string, value: unknown): void {
  if (name === 'prefer') {
    if (value !== 'spread' && value !== 'first') throw invalidArgument(name, "expected 'spread' or 'first'");
  } else if (name === 'readYourWrites') {
    if (typeof value !== 'boolean') throw invalidArgument(name, 'expected true or false');
  } else requireWhole(name, value);
}

/** @throws ConcertError INVALID_ARGUMENT unless `value` is a whole number from 1. */
export function requireWhole(name: string, value: unknown): void {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1) return;
  throw invalidArgument(name, 'expected a whole number from 1');
}

const ADDRESS = /^(wss?:\/\/[^\s/?#,@]+)(\/[^\s?#,]*)?$/;

/** In the order given, each once. Without a path it is `/v1`. @throws ConcertError INVALID_ARGUMENT */
export function addressesOf(urls: string | readonly string[]): readonly string[] {
  const given = typeof urls === 'string' ? urls.split(',') : urls;
  if (!Array.isArray(given)) throw invalidArgument('urls', 'expected addresses, as an array or one string with commas');
  const addresses = given.map((url) => addressOf(url));
  if (addresses.length === 0) throw invalidArgument('urls', 'expected at least one address');
  return [...new Set(addresses)];
}

function addressOf(url: unknown): string {
  const match = typeof url === 'string' ? ADDRESS.exec(url.trim()) : null;
  if (match === null) {
    throw invalidArgument('urls', `${JSON.stringify(url)} is no address of a member; expected ws://HOST:PORT/v1`);
  }
  const [, origin, path] = match;
  return `${origin}${path === undefined || path === '/' ? '/v1' : path}`;
}
