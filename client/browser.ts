/** The client in a browser: its own WebSocket, JSON, and nothing to bundle. */
import type { Client, ClientOptions } from './types.ts';

export * from './concert-error.ts';
export type * from './types.ts';

/**
 * Connects to a group. `urls`: client addresses of its members, `ws://HOST:PORT/v1`, as an array or one string with commas.
 * Resolves when a first member has answered. A member lets pages of its own origin, or of loopback ones, connect.
 *
 * @throws ConcertError INVALID_ARGUMENT; CONNECTION_FAILED if no member answers within `connectTimeoutMs`.
 */
export declare function connect(urls: string | readonly string[], options?: ClientOptions): Promise<Client>;
