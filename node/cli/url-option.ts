import { text } from './options.ts';

/** Where the members of `npm start` serve clients. */
const LOCAL_PORTS = [7001, 7002, 7003];

export const LOCAL_URLS: readonly string[] = LOCAL_PORTS.map((port) => `ws://127.0.0.1:${port}/v1`);

export const urlOption = {
  kind: text('URL,…'),
  help: `client addresses of members (those of npm start: ${LOCAL_URLS[0]}, …)`,
};
