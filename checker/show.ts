const CHARACTERS_MAX = 120;

/** A value, or values, for a message. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing';
  return text.length > CHARACTERS_MAX ? `${text.slice(0, 60)}…${text.slice(-55)}` : text;
}
