/** `value` as JSON, as the API has it: bytes as `{"$bytes": base64}`, integers beyond 2^53 as text. */
export function valueJson(value: unknown, indent?: number): string {
  return JSON.stringify(plain(value), null, indent) ?? 'null';
}

/** Before JSON.stringify sees it: a Buffer would have a form of its own there. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Uint8Array) return { $bytes: Buffer.from(value).toString('base64') };
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}
