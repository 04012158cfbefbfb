/**
 * How leaders change the view: not before something of their own term is chosen, and one change at a time (R3). It is
 * looked for in their logs: until somebody is elected by a majority that is none, it takes several elections more.
 */
import type { Group } from '../../gcs/core/index.ts';
import type { SimulatedHost } from '../world/index.ts';
import type { Judge } from './judge.ts';

export function checkViewChanges(judge: Judge, { name }: SimulatedHost, { log, status }: Group): void {
  if (status === null || status.role !== 'leader') return;
  const { term, chosenUpTo } = status;
  const views = log.viewIndexes();
  if (views.length === 0 || views.at(-1)! <= chosenUpTo) return;
  const pending = views.filter((index) => index > chosenUpTo && log.termAt(index) === term);
  if (pending.length === 0) return;
  judge.check(
    log.termAt(chosenUpTo) === term,
    () => `${name} changes the view in term ${term} at index ${pending[0]}, and nothing of that term is chosen`,
  );
  judge.check(pending.length === 1, () => `${name} has changes of the view under way at ${pending.join(' and ')}`);
}
