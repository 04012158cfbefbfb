/** The group's definition as bytes: one line of JSON with its checksum, in the file `group.json` and on the wire. */
import { crc32c, utf8Decode, utf8Encode } from '../../base/index.ts';
import type { GroupDefinition, GroupMember } from '../types.ts';

export const GROUP_FILE = 'group.json';
const FORMAT = 1;

export function encodeDefinition(definition: GroupDefinition): Uint8Array {
  const body = { format: FORMAT, ...definition };
  return utf8Encode(`${JSON.stringify({ ...body, checksum: checksumOf(body) }, null, 2)}\n`);
}

export function decodeDefinition(
  bytes: Uint8Array,
):
  | { readonly kind: 'definition'; readonly definition: GroupDefinition }
  | { readonly kind: 'malformed'; readonly reason: string } {
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
  const { groupId, groupName, view, options } = body as unknown as GroupDefinition;
  if (typeof groupId !== 'string' || typeof groupName !== 'string' || !isOptions(options) || !isView(view)) {
    return { kind: 'malformed', reason: 'a field is missing' };
  }
  return { kind: 'definition', definition: { groupId, groupName, view, options } };
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

function isOptions(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

function isView(view: unknown): boolean {
  if (typeof view !== 'object' || view === null) return false;
  const { viewId, members } = view as { viewId: unknown; members: unknown };
  return typeof viewId === 'string' && Array.isArray(members) && members.length > 0 && members.every(isMember);
}

function isMember(member: GroupMember, place: number): boolean {
  return (
    member.ordinal === place &&
    typeof member.memberId === 'string' &&
    typeof member.groupAddress === 'string' &&
    typeof member.host === 'string' &&
    typeof member.port === 'number'
  );
}

function checksumOf(body: object): number {
  return crc32c(utf8Encode(JSON.stringify(body)));
}
