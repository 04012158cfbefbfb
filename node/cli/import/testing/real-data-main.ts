/** `npm run real-data`: all cities, with what became of them. */
import { Scope } from '../../../../harness/index.ts';
import { importRealData } from './real-data.ts';

if (process.argv.length > 2) {
  process.stderr.write(`real-data: it takes no options, such as ${process.argv[2]}\n`);
  process.exit(2);
}
const scope = new Scope();
try {
  await importRealData(scope, { rows: null, say: (text) => process.stdout.write(`${text}\n`) });
} finally {
  await scope.end();
}
