/**
 * Bugs that the simulator has to find. Each is a change of the source text, made while the module is loaded: the code
 * itself knows nothing of it.
 */
import module from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

export interface PlantedBug {
  readonly name: string;
  /** Relative to the package. */
  readonly file: string;
  /** Occurs exactly once in the file. */
  readonly find: string;
  readonly replace: string;
}

const PACKAGE_FOLDER = path.join(import.meta.dirname, '..', '..');

/** For this thread, and before anything is imported that it is about. `wasPlanted` says whether the file was loaded. */
export function plant(bug: PlantedBug): { wasPlanted(): boolean } {
  const url = pathToFileURL(path.join(PACKAGE_FOLDER, bug.file)).href;
  let planted = false;
  module.registerHooks({
    load: (loadedUrl, context, nextLoad) => {
      const loaded = nextLoad(loadedUrl, context);
      if (loadedUrl !== url) return loaded;
      planted = true;
      return { ...loaded, source: changed(bug, String(loaded.source)) };
    },
  });
  return { wasPlanted: () => planted };
}

/** @throws Error if the text to change is not there exactly once. */
export function changed(bug: PlantedBug, source: string): string {
  const parts = source.split(bug.find);
  if (parts.length !== 2) {
    throw new Error(`planted bug "${bug.name}": its text occurs ${parts.length - 1} times in ${bug.file}, not once`);
  }
  return parts.join(bug.replace);
}
