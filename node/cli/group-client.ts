/** How commands reach a running group. */
import { type Client, ConcertError, connect, type MemberRow, type NodeClientOptions } from '../../client/index.ts';
import { failed } from './cli-error.ts';
import { type MemberLabel, memberLabel } from './member-label.ts';
import { LOCAL_URLS } from './url-option.ts';

export { urlOption } from './url-option.ts';

/** @param said what `--url` was given @throws CliError if no member answers */
export async function connectGroup(said: string | undefined, options: NodeClientOptions = {}): Promise<Client> {
  const urls = said ?? LOCAL_URLS;
  try {
    return await connect(urls, options);
  } catch (error) {
    if (!(error instanceof ConcertError)) throw error;
    throw failed(error.message, error);
  }
}

const NAMES_MS_MAX = 2_000;

/** How members are called in what is shown. Asks once; later names follow what the client learns by itself. */
export async function memberNames(client: Client): Promise<() => MemberLabel> {
  const options = { attempts: 1, timeoutMs: NAMES_MS_MAX };
  const rows = await client.request<MemberRow[]>('members', {}, options).catch(() => []);
  return () => memberLabel(client.status(), rows);
}
