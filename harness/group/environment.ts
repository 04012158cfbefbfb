export type Environment = Readonly<Record<string, string>>;

/** Variables that name several things: all of them hold. */
const LISTS: Readonly<Record<string, string>> = { LD_PRELOAD: ':', NODE_OPTIONS: ' ' };

/** The later ones win, but where a variable is a list of what to load. */
export function mergedEnvironment(...parts: readonly NodeJS.ProcessEnv[]): Environment {
  const merged: Record<string, string> = {};
  for (const part of parts) {
    for (const [name, value] of Object.entries(part)) {
      if (value === undefined) continue;
      const before = merged[name];
      const separator = LISTS[name];
      const isAdded = separator !== undefined && before !== undefined && before !== '';
      merged[name] = isAdded ? `${before}${separator}${value}` : value;
    }
  }
  return merged;
}
