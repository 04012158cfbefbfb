/** How commands reach a running group. */
import { type Client, ConcertError, connect, type MemberRow, type NodeClientOptions } from '../../client/index.ts';
import { type CliError, failed, wrongOption } from './cli-error.ts';
import { type MemberLabel, memberLabel } from './member-label.ts';
import { LOCAL_URLS } from './url-option.ts';

/** A person waits. */
const CONNECT_MS_MAX = 5_000;
const NAMES_MS_MAX = 2_000;

/** @param said what `--url` was given @throws CliError if no member answers */
export async function connectGroup(said: string | undefined, options: NodeClientOptions = {}): Promise<Client> {
  try {
    return await connect(said ?? LOCAL_URLS, { connectTimeoutMs: CONNECT_MS_MAX, ...options });
  } catch (error) {
    if (!(error instanceof ConcertError)) throw error;
    throw notConnected(error);
  }
}

/** How members are called in what is shown. Asks once; later names follow what the client learns by itself. */
export async function memberNames(client: Client): Promise<() => MemberLabel> {
  const options = { attempts: 1, timeoutMs: NAMES_MS_MAX };
  const rows = await client.request<MemberRow[]>('members', {}, options).catch(() => []);
  return () => memberLabel(client.status(), rows);
}

function notConnected(error: ConcertError): CliError {
  const { problem, problems } = error.facts as { problem?: string; problems?: Readonly<Record<string, string>> };
  if (error.code === 'INVALID_ARGUMENT') return wrongOption(`--url: ${problem}`);
  if (problems === undefined) return failed(error.message, error);
  const tried = Object.entries(problems).map(([url, why]) => {
    return `${url} (${why.includes('ECONNREFUSED') ? 'connection refused' : why})`;
  });
  const what = `no member answers at ${tried.join(', ')}`;
  return failed(`${what}; is the group running, and is this where it serves clients?`, error);
}
