/** `value` as JSON, as the API has it: bytes as `{"$bytes": base64}`, integers beyond 2^53 as text. */
export function valueJson(value: unknown, indent?: number): string {
  const plain = (_name: string, part: unknown) => {
    if (typeof part === 'bigint') return String(part);
    return part instanceof Uint8Array ? { $bytes: Buffer.from(part).toString('base64') } : part;
  };
  return JSON.stringify(value, plain, indent);
}
