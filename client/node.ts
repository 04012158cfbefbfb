/** The client in Node: WebSockets of the `ws` library, msgpack unless asked otherwise. */
import type { Client, NodeClientOptions } from './types.ts';

export * from './concert-error.ts';
export type * from './types.ts';

/**
 * Connects to a group. `urls`: client addresses of its members, `ws://HOST:PORT/v1`, as an array or one string with commas.
 * Resolves when a first member has answered.
 *
 * @throws ConcertError INVALID_ARGUMENT; CONNECTION_FAILED if no member answers within `connectTimeoutMs`.
 */
export declare function connect(urls: string | readonly string[], options?: NodeClientOptions): Promise<Client>;
