/**
 * The group's definition as bytes: JSON with its checksum, in the file `group.json` and on the wire. In the file, and to
 * a member that joins, with the stay of the member that it is for.
 */
import { crc32c, type Disk, utf8Decode, utf8Encode } from '../../base/index.ts';
import type { Belonging } from '../transfer/contract.ts';
import type { GroupDefinition } from '../types.ts';
import { isView, memberOf } from '../views.ts';

export const GROUP_FILE = 'group.json';
const FORMAT = 2;

export type DecodedBelonging =
  | ({ readonly kind: 'belonging' } & Belonging)
  | { readonly kind: 'malformed'; readonly reason: string };

export function encodeBelonging({ definition, self, view }: Belonging): Uint8Array {
  const { groupId, groupName, view: foundingView, options } = definition;
  const stay = { ordinal: self, view };
  const body = { format: FORMAT, groupId, groupName, view: foundingView, options, stay };
  return utf8Encode(`${JSON.stringify({ ...body, checksum: checksumOf(body) }, null, 2)}\n`.toWellFormed());
}

export function decodeBelonging(bytes: Uint8Array): DecodedBelonging {
  const text = utf8Decode(bytes);
  let value: unknown = null;
  try {
    value = JSON.parse(text ?? '');
  } catch {
    return { kind: 'malformed', reason: 'it is not JSON' };
  }
  if (typeof value !== 'object' || value === null) return { kind: 'malformed', reason: 'it is not an object' };
  const { checksum, ...body } = value as Record<string, unknown>;
  if (body.format !== FORMAT) return { kind: 'malformed', reason: `format ${String(body.format)} is unknown` };
  if (checksum !== checksumOf(body)) return { kind: 'malformed', reason: 'its checksum does not match' };
  const { groupId, groupName, view, options, stay } = body;
  if (typeof groupId !== 'string' || typeof groupName !== 'string' || !isView(view) || !isOptions(options)) {
    return { kind: 'malformed', reason: 'a field is missing' };
  }
  if (typeof stay !== 'object' || stay === null) return { kind: 'malformed', reason: 'the stay is missing' };
  const { ordinal, view: stayView } = stay as Record<string, unknown>;
  if (typeof ordinal !== 'number' || !isView(stayView) || memberOf(stayView, ordinal) === undefined) {
    return { kind: 'malformed', reason: 'the stay is not in its view' };
  }
  const definition: GroupDefinition = { groupId, groupName, view, options };
  return { kind: 'belonging', definition, self: ordinal, view: stayView };
}

/** Of this directory; null if it belongs to no group yet. @throws DiskError */
export function readBelonging(disk: Disk): DecodedBelonging | null {
  const bytes = disk.readWhole(GROUP_FILE);
  return bytes === null ? null : decodeBelonging(bytes);
}

/** Whether `definition` is what a bootstrap with these seeds, at the member `groupAddress`, makes. */
export function isFormedBy(
  definition: GroupDefinition,
  asked: Pick<GroupDefinition, 'groupName' | 'options'> & { readonly seeds: readonly string[] },
  groupAddress: string,
): boolean {
  const facts = (groupName: string, addresses: readonly string[], options: GroupDefinition['options']): string =>
    JSON.stringify([groupName, addresses.toSorted(), Object.entries(options).sort()]);
  const addresses = definition.view.members.map((member) => member.groupAddress);
  return (
    facts(definition.groupName, addresses, definition.options) ===
    facts(asked.groupName, [groupAddress, ...asked.seeds], asked.options)
  );
}

function isOptions(value: unknown): value is GroupDefinition['options'] {
  return typeof value === 'object' && value !== null;
}

function checksumOf(body: object): number {
  return crc32c(utf8Encode(JSON.stringify(body)));
}
