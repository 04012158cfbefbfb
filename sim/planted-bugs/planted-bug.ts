/**
 * Bugs that the simulator has to find. Each is a change of the source text, made while the modules are loaded: the code
 * itself knows nothing of it.
 */
import module from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Scenario } from '../scenario.ts';

export interface PlantedBug {
  readonly name: string;
  /** The rules of which it takes one out, as they are numbered in the tests; what it is about where there is none. */
  readonly breaks: string;
  readonly changes: readonly Change[];
}

/** With the scenario that has to find it. */
export interface SoughtBug extends PlantedBug {
  readonly scenario: Scenario;
  /** It takes more than a thousand seeds: `npm run planted` looks for it, the tests do not. */
  readonly isRare?: true;
}

export interface Change {
  /** Relative to the package. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

const PACKAGE_FOLDER = path.join(import.meta.dirname, '..', '..');

/** For this thread, and before anything is imported that it is about. `missing` names files that were not loaded. */
export function plant(bug: PlantedBug): { missing(): readonly string[] } {
  const changesOf = new Map<string, readonly Change[]>();
  for (const [file, changes] of changesByFile(bug)) {
    changesOf.set(pathToFileURL(path.join(PACKAGE_FOLDER, file)).href, changes);
  }
  const planted = new Set<string>();
  module.registerHooks({
    load: (loadedUrl, context, nextLoad) => {
      const loaded = nextLoad(loadedUrl, context);
      const changes = changesOf.get(loadedUrl);
      if (changes === undefined) return loaded;
      planted.add(loadedUrl);
      return { ...loaded, source: changes.reduce(changed, String(loaded.source)) };
    },
  });
  return {
    missing: () => [...changesOf].flatMap(([url, changes]) => (planted.has(url) ? [] : [changes[0]!.file])),
  };
}

export function changesByFile({ changes }: Pick<PlantedBug, 'changes'>): ReadonlyMap<string, readonly Change[]> {
  const byFile = new Map<string, Change[]>();
  for (const change of changes) byFile.set(change.file, [...(byFile.get(change.file) ?? []), change]);
  return byFile;
}

/** @throws Error if the text to change is not there exactly once. */
export function changed(source: string, { file, find, replace }: Change): string {
  const parts = source.split(find);
  if (parts.length !== 2) {
    throw new Error(`the text to change occurs ${parts.length - 1} times in ${file}, not once: ${find}`);
  }
  return parts.join(replace);
}
