/** Of a name that a client chose; one is cut to these and an ellipsis. */
const CHARACTERS_MAX = 64;

/**
 * A client's name for people: short, and with escapes for characters that are invisible or turn the text around them, so
 * that neither a terminal nor a table is at the client's mercy. Names that differ may look alike behind the cut.
 */
export function shownName(name: string): string {
  const visible = name
    .toWellFormed()
    .slice(0, CHARACTERS_MAX + 1)
    .toWellFormed()
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`);
  return visible.length <= CHARACTERS_MAX ? visible : `${visible.slice(0, CHARACTERS_MAX).toWellFormed()}…`;
}
