import type { ClientOptions } from '../types.ts';
import { ConcertClient } from './concert-client.ts';
import type { Environment } from './environment.ts';
import { addressesOf, settingsOf } from './settings.ts';

/** @throws ConcertError INVALID_ARGUMENT, CONNECTION_FAILED */
export async function connectIn(
  environment: Environment,
  urls: string | readonly string[],
  options: ClientOptions,
): Promise<ConcertClient> {
  const client = new ConcertClient({
    urls: addressesOf(urls),
    environment,
    settings: settingsOf(options),
    isBound: false,
    acknowledged: { upTo: 0 },
  });
  try {
    await client.ready();
    return client;
  } catch (error) {
    await client.close({ timeoutMs: 0 });
    throw error;
  }
}
