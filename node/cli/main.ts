#!/usr/bin/env node
import { InvariantViolation } from '../../gcs/base/index.ts';
import { ServerError } from '../server/server-error.ts';
import { adminCommand } from './admin/command.ts';
import { benchCommand } from './bench.ts';
import { checkCommand } from './check/command.ts';
import { CliError } from './cli-error.ts';
import { clusterCommand } from './cluster.ts';
import type { Command } from './command.ts';
import { conflictsCommand } from './conflicts/command.ts';
import { importCommand } from './import/command.ts';
import { shellCommand } from './shell/command.ts';
import { startCommand } from './start.ts';
import { statusCommand } from './status.ts';
import { verifyCommand } from './verify/command.ts';
import { versionCommand } from './version.ts';

const COMMANDS: readonly Command[] = [
  startCommand,
  clusterCommand,
  statusCommand,
  adminCommand,
  shellCommand,
  conflictsCommand,
  importCommand,
  verifyCommand,
  checkCommand,
  benchCommand,
  versionCommand,
];

/** Exit code of `concert ARGS…`. */
async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === undefined || name === 'help' || name === '--help' || name === '-h') {
    const asked = name === 'help' && rest[0] !== undefined ? commandNamed(rest[0]) : null;
    if (asked !== null) return run(asked, ['--help']);
    process.stdout.write(overview());
    return name === undefined ? 2 : 0;
  }
  if (name === '--version' || name === '-v') return run(versionCommand, rest);
  return run(commandNamed(name), rest);
}

function run(command: Command, args: readonly string[]): Promise<number> {
  const optionNames = new Set(COMMANDS.flatMap((one) => one.optionNames));
  return command.run({ args, environment: process.env, output: process.stdout, optionNames });
}

function commandNamed(name: string): Command {
  const command = COMMANDS.find((one) => one.name === name);
  if (command !== undefined) return command;
  const names = COMMANDS.map((one) => one.name).join(', ');
  throw new CliError({
    code: 'UNKNOWN_COMMAND',
    message: `unknown command ${JSON.stringify(name)}; commands are ${names}, help`,
  });
}

function overview(): string {
  const width = Math.max(...COMMANDS.map((one) => one.name.length)) + 2;
  const lines = COMMANDS.map((one) => `  ${one.name.padEnd(width)}${one.summary}`);
  return `concert COMMAND [OPTIONS]\n\n${lines.join('\n')}\n\nconcert COMMAND --help shows the options of a command.\n`;
}

/** Ends the process with one line that says what is wrong. */
function fail(error: unknown): never {
  if (error instanceof CliError || error instanceof ServerError) {
    process.stderr.write(`concert: ${error.message.replaceAll('\n', ' ')}\n`);
    process.exit(error instanceof CliError ? error.exitCode : 1);
  }
  const what = error instanceof InvariantViolation ? 'a rule of the program is broken' : 'unexpected failure';
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.stderr.write(
    `concert: ${what}: ${String((error as Error)?.message ?? error).split('\n', 1)[0]}; please report it\n`,
  );
  process.exit(70);
}

process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);
try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  fail(error);
}
