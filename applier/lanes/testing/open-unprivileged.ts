/**
 * A process that opens lanes, without the right to raise its priority, and says on stdout what became of it. The directory
 * and the priority are its caller's.
 */
import { writeSync } from 'node:fs';
import { openLanes } from '../open-lanes.ts';

/** Whoever is that: nobody, as a rule. */
const UNPRIVILEGED = 65534;

const [directory] = process.argv.slice(2);
if (process.getuid!() === 0) {
  process.setgid!(UNPRIVILEGED);
  process.setuid!(UNPRIVILEGED);
}
const outcome = await openLanes(directory!, { lanes: 1, memberId: 'unprivileged' });
writeSync(1, outcome.kind === 'opened' ? 'opened\n' : `${outcome.kind}: ${JSON.stringify(outcome)}\n`);
if (outcome.kind === 'opened') for (const lane of outcome.lanes) lane.close(() => {});
