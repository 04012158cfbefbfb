import { wrongOption } from './cli-error.ts';
import {
  commonOptions,
  describeOptions,
  type Options,
  type OptionValues,
  readOptions,
  withoutOperands,
} from './options.ts';

/** What a command runs in. */
export interface CommandContext {
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly output: NodeJS.WriteStream;
  /** Names of all options of all commands. */
  readonly optionNames: ReadonlySet<string>;
}

export interface Command {
  readonly name: string;
  readonly summary: string;
  readonly optionNames: readonly string[];
  /** Exit code. @throws CliError, ServerError */
  run(context: CommandContext): Promise<number>;
}

/** What a command is given besides its options. */
export interface CommandRun extends CommandContext {
  /** As many as the command names. */
  readonly operands: readonly string[];
}

/** A command with options of its own; `--help` and `--config` come with it. */
export function command<O extends Options>(definition: {
  readonly name: string;
  readonly summary: string;
  readonly options: O;
  /** What has to be said without the name of an option, in this order: FILE. */
  readonly operands?: readonly string[];
  /** Behind the options in help. */
  readonly notes?: string;
  run(values: OptionValues<O>, context: CommandRun): Promise<number>;
}): Command {
  const options = { ...definition.options, ...commonOptions };
  const operandNames = definition.operands ?? [];
  return {
    name: definition.name,
    summary: definition.summary,
    optionNames: Object.keys(options),
    async run(context) {
      if (context.args.includes('--help') || context.args.includes('-h')) {
        const notes = definition.notes === undefined ? '' : `\n${definition.notes}\n`;
        const title = [definition.name, ...operandNames].join(' ');
        context.output.write(
          `concert ${title}: ${definition.summary}\n\n${describeOptions(options)}\n${notes}\nEach option can also be said as CONCERT_OPTION_NAME in the environment, or in the config file.\n`,
        );
        return 0;
      }
      const { environment, optionNames } = context;
      const { args, operands } = withoutOperands(options, context.args, operandNames.length);
      const missing = operandNames[operands.length];
      if (missing !== undefined) {
        throw wrongOption(`${missing} is missing; say: concert ${definition.name} ${operandNames.join(' ')}`);
      }
      const values = readOptions(options, { args, environment, otherNames: optionNames });
      return definition.run(values as OptionValues<O>, { ...context, operands });
    },
  };
}
