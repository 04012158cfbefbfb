/** `concert bench`: the command. */
import { writeFileSync } from 'node:fs';
import { BenchError } from './bench-error.ts';
import { RequestError } from './member-connection.ts';
import { parseOptions } from './options.ts';
import { comparePeers } from './peers/index.ts';
import { printedReport } from './report-table.ts';
import { compareRules } from './rules.ts';
import { runBenchmark } from './run.ts';

/** Runs `concert bench` with the arguments after `bench`. Returns the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const interruption = new AbortController();
  const interrupt = (_signal: NodeJS.Signals, number: number) => interruption.abort(new Interrupted(number));
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    if (args[0] === 'peers' || args[0] === 'rules') {
      const context = {
        environment: process.env,
        output: process.stdout,
        progress,
        signal: interruption.signal,
        write,
      };
      return await (args[0] === 'peers' ? comparePeers : compareRules)(args.slice(1), context);
    }
    const parsed = parseOptions(args, process.env);
    if (parsed.kind === 'help') {
      process.stdout.write(`${parsed.text}\n`);
      return 0;
    }
    const { options } = parsed;
    if (options.json !== null) write(options.json, '');
    const report = await runBenchmark(options, progress, interruption.signal);
    process.stdout.write(printedReport(report, options));
    if (options.json !== null) write(options.json, `${JSON.stringify(report, null, 2)}\n`);
    return report.verified ? 0 : 1;
  } catch (error) {
    if (error instanceof Interrupted) return 128 + error.signalNumber;
    if (!(error instanceof BenchError || error instanceof RequestError)) throw error;
    process.stderr.write(`concert bench: ${error.message}\n`);
    return error instanceof BenchError && error.code === 'OPTION' ? 2 : 1;
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}

class Interrupted extends Error {
  readonly signalNumber: number;

  constructor(signalNumber: number) {
    super('interrupted');
    this.signalNumber = signalNumber;
  }
}

function write(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw new BenchError({ code: 'OPTION', message: `--json: cannot write ${file}: ${(error as Error).message}` });
  }
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
