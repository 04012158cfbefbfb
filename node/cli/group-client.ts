/** How commands reach a running group. */
import { type Client, ConcertError, connect, type NodeClientOptions } from '../../client/index.ts';
import { failed } from './cli-error.ts';
import { text } from './options.ts';

/** Where the members of `npm start` serve clients. */
const LOCAL_PORTS = [7001, 7002, 7003];

export const urlOption = {
  kind: text('URL,…'),
  help: `members, by the addresses that clients use (those of npm start: ws://127.0.0.1:${LOCAL_PORTS[0]}/v1 and so on)`,
};

/** @param said what `--url` was given @throws CliError if no member answers */
export async function connectGroup(said: string | undefined, options: NodeClientOptions = {}): Promise<Client> {
  const urls = said ?? LOCAL_PORTS.map((port) => `ws://127.0.0.1:${port}/v1`);
  try {
    return await connect(urls, options);
  } catch (error) {
    if (!(error instanceof ConcertError)) throw error;
    throw failed(error.message, error);
  }
}
