/** `torn-transaction.ts DIRECTORY`: ends with code 7 while a worker is in the middle of a store's transaction. */
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { open } from 'lmdb';
import { endProcess } from '../end-process.ts';

if (isMainThread) {
  const worker = new Worker(import.meta.filename, { argv: process.argv.slice(2) });
  worker.once('message', () => {
    process.once('exit', (code) => endProcess(code));
    process.exit(7);
  });
} else {
  open({ path: process.argv[2]! }).transactionSync(() => {
    parentPort!.postMessage('begun');
    for (;;);
  });
}
