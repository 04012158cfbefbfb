/** `concert admin …`: the membership, what clients have open, and options of the whole group, one subcommand each. What they do is loaded when one runs. */
import { wrongOption } from '../cli-error.ts';
import { type Command, command } from '../command.ts';
import { flag, text, wholeNumber } from '../options.ts';
import { urlOption } from '../url-option.ts';

const WAIT_SECONDS = 60;
const MEMBER_NOTE = `MEMBER is a memberId as \`concert status\` shows it, the beginning of one, or the member's address for clients (HOST:PORT).`;

const json = { kind: flag(), help: 'print what was done as JSON' };
const wait = { kind: wholeNumber(0, 86_400), help: `wait for it up to N seconds (${WAIT_SECONDS}); 0: do not wait` };
const ofMember = { ...urlOption, help: 'client address of the one member that is meant (required)' };

const SUBCOMMANDS: readonly Command[] = [
  command({
    name: 'admin leave',
    summary: 'a member leaves its group; it runs on, OFFLINE, until `admin join` or its next start',
    options: { url: ofMember, json },
    notes: `The others go on without it, and count no longer on it: of four members three are left, two of which decide.`,
    async run({ url, json = false }, { output }) {
      const { leave } = await import('./run-admin.ts');
      return leave({ url: one(url), json }, output);
    },
  }),
  command({
    name: 'admin join',
    summary: 'a member that left or was expelled joins its group again, with what it has',
    options: { url: ofMember, wait, json },
    notes: `A new member needs no such command: start it with --seeds and the group addresses of members that run.`,
    async run({ url, wait: waitSeconds = WAIT_SECONDS, json = false }, { output }) {
      const { join } = await import('./run-admin.ts');
      return join({ url: one(url), waitSeconds, json }, output);
    },
  }),
  command({
    name: 'admin expel',
    summary: 'the group goes on without a member, for good or until it joins again',
    options: { url: urlOption, json },
    operands: ['MEMBER'],
    notes: `${MEMBER_NOTE}\nOne that still runs asks to be let in again by itself; stop it first if that is not meant.`,
    async run({ url, json = false }, { operands, output }) {
      const { expel } = await import('./run-admin.ts');
      return expel({ url, member: operands[0]!, json }, output);
    },
  }),
  command({
    name: 'admin transfer-leader',
    summary: 'another member leads the log from now on, without a pause',
    options: {
      url: urlOption,
      to: { kind: text('MEMBER'), help: 'which one (the fittest)' },
      json,
    },
    notes: MEMBER_NOTE,
    async run({ url, to, json = false }, { output }) {
      const { transferLeader } = await import('./run-admin.ts');
      return transferLeader({ url, member: to ?? null, json }, output);
    },
  }),
  command({
    name: 'admin transactions',
    summary: 'what clients have open: the oldest first, which hold the purge floor back',
    options: { url: urlOption, json },
    notes: `All of the member that is asked, and the oldest 20 of each other one, as it told last.`,
    async run({ url, json = false }, { output }) {
      const { transactions } = await import('./open-transactions.ts');
      return transactions({ url, json }, output);
    },
  }),
  command({
    name: 'admin abort',
    summary: 'ends an open transaction, at whichever member it is',
    options: { url: urlOption, json },
    operands: ['TRANSACTION'],
    notes: `TRANSACTION is a transactionId as \`concert admin transactions\` shows it. Its client is told TRANSACTION_ABORTED.`,
    async run({ url, json = false }, { operands, output }) {
      const { abort } = await import('./open-transactions.ts');
      return abort({ url, transactionId: operands[0]!, json }, output);
    },
  }),
  command({
    name: 'admin variables',
    summary: 'options of the whole group, and what they may be',
    options: { url: urlOption, json },
    async run({ url, json = false }, { output }) {
      const { variables } = await import('./variables.ts');
      return variables({ url, json }, output);
    },
  }),
  command({
    name: 'admin set',
    summary: 'changes an option of the whole group while it runs, in its total order',
    options: { url: urlOption, json },
    operands: ['NAME', 'VALUE'],
    notes: `For example: concert admin set certification_rule serial-safety-net. See concert admin variables for the names.`,
    async run({ url, json = false }, { operands, output }) {
      const { setVariable } = await import('./variables.ts');
      return setVariable({ url, name: operands[0]!, value: operands[1]!, json }, output);
    },
  }),
];

export const adminCommand: Command = {
  name: 'admin',
  summary: 'look after a group: leave, join, expel, transfer-leader, transactions, abort, variables, set',
  optionNames: [...new Set(SUBCOMMANDS.flatMap(({ optionNames }) => optionNames))],
  async run(context) {
    const [name, ...args] = context.args;
    if (name === '--help' || name === '-h') {
      context.output.write(overview());
      return 0;
    }
    const chosen = SUBCOMMANDS.find((one) => one.name === `admin ${name}`);
    if (chosen !== undefined) return chosen.run({ ...context, args });
    const names = SUBCOMMANDS.map((one) => one.name.slice('admin '.length)).join(', ');
    const problem = name === undefined ? 'says nothing of what to do' : `has no ${JSON.stringify(name)}`;
    throw wrongOption(`concert admin ${problem}; it takes one of ${names}`);
  },
};

function one(url: string | undefined): string {
  if (url === undefined) throw wrongOption('--url is missing; it says which member is meant: --url ws://HOST:PORT/v1');
  if (url.includes(',')) throw wrongOption('--url names several members; this is about one');
  return url;
}

function overview(): string {
  const width = Math.max(...SUBCOMMANDS.map((one) => one.name.length)) + 2;
  const lines = SUBCOMMANDS.map((one) => `  concert ${one.name.padEnd(width)}${one.summary}`);
  return `concert admin: look after a group\n\n${lines.join('\n')}\n\nconcert admin SUBCOMMAND --help shows its options.\n`;
}
