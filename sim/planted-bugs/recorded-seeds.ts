/**
 * By which seed each planted bug was found last: the tests begin their search there, so that they end soon. Whatever
 * changes what a seed does moves it; then the search takes longer, until the seeds are recorded anew (`--record`).
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const FILE = path.join(import.meta.dirname, 'recorded-seeds.json');

export function recordedSeeds(): Readonly<Record<string, number>> {
  return JSON.parse(readFileSync(FILE, 'utf8')) as Record<string, number>;
}

export function recordSeed(name: string, seed: number): void {
  const sorted = Object.entries({ ...recordedSeeds(), [name]: seed }).sort(([one], [other]) => (one < other ? -1 : 1));
  writeFileSync(FILE, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
}
