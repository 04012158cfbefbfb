import { type Client, connect } from '../../../client/index.ts';
import { LocalGroup, type Scope } from '../../../harness/index.ts';

export interface ConnectedGroup {
  readonly group: LocalGroup;
  /** Of all members. */
  readonly client: Client;
  readonly urls: readonly string[];
  /** What `--url` takes: all of them. */
  readonly url: string;
  /** `host:port` of the member at this place, as commands show it. */
  address(place: number): string;
}

/** A group for a command to be tried on, and a client that prepares and looks; both end with `scope`. */
export async function connectedGroup(scope: Scope): Promise<ConnectedGroup> {
  const group = await LocalGroup.create(scope);
  const urls = group.members.map((member) => member.url);
  const client = await connect(urls);
  scope.after(() => client.close());
  return { group, client, urls, url: urls.join(','), address: (place) => new URL(urls[place]!).host };
}
