/** The client in Node: WebSockets of the `ws` library, msgpack unless asked otherwise. */
import { connectIn } from './core/connect.ts';
import type { Environment } from './core/environment.ts';
import { jsonCodec } from './core/json-codec.ts';
import { invalidArgument } from './core/own-errors.ts';
import { msgpackCodec } from './msgpack-codec.ts';
import { openNodeSocket } from './node-socket.ts';
import type { Client, NodeClientOptions } from './types.ts';

export * from './concert-error.ts';
export type * from './types.ts';

/**
 * Connects to a group. `urls`: client addresses of its members, `ws://HOST:PORT/v1`, as an array or one string with commas.
 * Resolves when a first member has answered.
 *
 * @throws ConcertError INVALID_ARGUMENT; CONNECTION_FAILED if no member answers within `connectTimeoutMs`.
 */
export async function connect(urls: string | readonly string[], options: NodeClientOptions = {}): Promise<Client> {
  const { format = 'msgpack', ...rest } = options;
  return connectIn(environmentOf(format), urls, rest);
}

function environmentOf(format: unknown): Environment {
  const codec = format === 'msgpack' ? msgpackCodec : format === 'json' ? jsonCodec : null;
  if (codec === null) throw invalidArgument('format', "expected 'msgpack' or 'json'");
  return {
    clock: {
      nowMs: () => performance.now(),
      schedule(delayMs, callback) {
        const timer = setTimeout(callback, delayMs);
        return { cancel: () => clearTimeout(timer) };
      },
    },
    random: Math.random,
    codec,
    openSocket: (url, events) => openNodeSocket(url, codec, events),
  };
}
