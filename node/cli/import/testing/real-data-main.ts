/** `npm run real-data`: all cities, with what became of them. */
import { Scope } from '../../../../harness/index.ts';
import { importRealData } from './real-data.ts';

const scope = new Scope();
try {
  await importRealData(scope, { rows: null, say: (text) => process.stdout.write(`${text}\n`) });
} finally {
  await scope.end();
}
