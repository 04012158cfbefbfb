/** How fast histories are checked: `node bin/run.cjs checker/testing/benchmark.ts [TRANSACTIONS]`. */
import { loadavg } from 'node:os';
import { SeededRandom } from '../../gcs/base/index.ts';
import { checkHistory, type HistoryTransaction, type Level, type VersionOrder } from '../index.ts';
import { type SimulationOptions, simulate } from './simulated-store.ts';

const TRANSACTIONS = 100_000;
const SIZE = { processes: 24, keys: 200, isEven: true, operationsMax: 6, lostOfTen: 0 } as const;

const transactions = Number(process.argv[2] ?? TRANSACTIONS);

function measure(name: string, history: readonly HistoryTransaction[], level: Level, versionOrder: VersionOrder): void {
  const startedAt = performance.now();
  const { violations, allowed, dependencies } = checkHistory(history, { level, versionOrder });
  const seconds = (performance.now() - startedAt) / 1000;
  console.log(
    `${name}, by ${versionOrder}: ${seconds.toFixed(2)} s, ${dependencies.toLocaleString('en')} dependencies, ` +
      `${violations.length} violations, ${allowed.length} allowed anomalies told`,
  );
}

function drawn(certification: SimulationOptions['certification'], more: Partial<SimulationOptions> = {}) {
  return simulate({ ...SIZE, random: new SeededRandom(1), transactions, certification, ...more });
}

const { heapUsed } = process.memoryUsage();
console.log(`${transactions.toLocaleString('en')} transactions, load ${loadavg()[0]!.toFixed(1)}`);
for (const versionOrder of ['sequence-numbers', 'reads'] as const) {
  measure('strict serializable', drawn('serial'), 'strict serializable', versionOrder);
  measure('snapshot isolation with its write skews', drawn('snapshot'), 'snapshot isolation', versionOrder);
  measure('old snapshots', drawn('snapshot', { staleness: 20 }), 'snapshot isolation', versionOrder);
  measure('no certification at all', drawn('none'), 'snapshot isolation', versionOrder);
}
const megabytes = (process.memoryUsage().heapUsed - heapUsed) / 2 ** 20;
console.log(`heap at the end: ${megabytes.toFixed(0)} MiB more`);
