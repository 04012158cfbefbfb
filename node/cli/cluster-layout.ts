/** A local group on disk: `cluster.json` says what it was created with, each member lives in `member-N`. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { GROUP_FILE } from '../../gcs/core/index.ts';
import { failed, wrongOption } from './cli-error.ts';

export interface ClusterLayout {
  readonly data: string;
  readonly members: readonly LocalMember[];
}

export interface LocalMember {
  /** `member-1`, … */
  readonly name: string;
  readonly directory: string;
  readonly port: number;
  readonly groupPort: number;
}

export interface ClusterShape {
  readonly members: number;
  readonly port: number;
  readonly groupPort: number;
}

const DEFAULTS: ClusterShape = { members: 3, port: 7001, groupPort: 7101 };
const FLAGS = { members: '--members', port: '--port', groupPort: '--group-port' } as const;

export const localHost = '127.0.0.1';

/**
 * The group in `data`: as it was created, or with what is asked for if there is none yet, and then it is kept.
 *
 * @throws CliError if something else is asked for than what is there
 */
export function openLayout(data: string, asked: Partial<ClusterShape>): ClusterLayout {
  const file = path.join(data, 'cluster.json');
  const kept = readShape(file);
  for (const [name, flag] of Object.entries(FLAGS) as [keyof ClusterShape, string][]) {
    if (kept === null || asked[name] === undefined || asked[name] === kept[name]) continue;
    throw failed(
      `the group in ${data} was created with ${flag} ${kept[name]}, not ${asked[name]}; leave ${flag} away, or choose another --data for a new group`,
    );
  }
  const shape = kept ?? { ...DEFAULTS, ...asked };
  refuseOverlap(shape);
  if (kept === null) {
    try {
      mkdirSync(data, { recursive: true });
      writeFileSync(file, `${JSON.stringify(shape)}\n`);
    } catch (error) {
      throw failed(`cannot write ${file}: ${(error as Error).message}; choose another --data`, error);
    }
  }
  const members = Array.from({ length: shape.members }, (_, i) => {
    const name = `member-${i + 1}`;
    return { name, directory: path.join(data, name), port: shape.port + i, groupPort: shape.groupPort + i };
  });
  return { data, members };
}

/** Whether the member belongs to its group already, and needs not be told how to form it. */
export function hasGroup(member: LocalMember): boolean {
  return existsSync(path.join(member.directory, GROUP_FILE));
}

function readShape(file: string): ClusterShape | null {
  if (!existsSync(file)) return null;
  try {
    const { members, port, groupPort } = JSON.parse(readFileSync(file, 'utf8')) as ClusterShape;
    if ([members, port, groupPort].every(Number.isSafeInteger)) return { members, port, groupPort };
  } catch {
    // Said below.
  }
  throw failed(
    `${file} is damaged; write {"members": N, "port": P, "groupPort": G} of the group's first start into it`,
  );
}

function refuseOverlap({ members, port, groupPort }: ClusterShape): void {
  if (Math.max(port, groupPort) + members - 1 > 65_535)
    throw wrongOption(`there is no room for ${members} ports behind --port ${port} and --group-port ${groupPort}`);
  if (Math.abs(port - groupPort) < members) {
    throw wrongOption(`--port ${port} and --group-port ${groupPort} overlap: each counts up ${members} ports`);
  }
}
