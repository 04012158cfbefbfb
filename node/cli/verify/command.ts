/** `concert verify`: what it is told. What it does is loaded when it runs. */
import { command } from '../command.ts';
import { flag, type OptionValues, text, wholeNumber } from '../options.ts';
import { urlOption } from '../url-option.ts';

export const DIFFERENCES_DEFAULT = 10;

const NOTES = `All members of the group are asked, whichever of them --url names. Every row of every table is read at every member at one and
the same sequence number, also while the group is written to, and compared in the order of the keys; so are the digests of all
verdicts, if the group stands still for long enough. Memory is needed for a page of rows of each member.

Exit code 0: all members hold the same. 1: they do not; the rows are shown. 2: they could not be compared, as when a member is down.`;

const OPTIONS = {
  url: urlOption,
  table: { kind: text('SCHEMA.TABLE'), help: 'only this table' },
  limit: { kind: wholeNumber(0, 100_000), help: `rows that differ to show (${DIFFERENCES_DEFAULT})` },
  json: { kind: flag(), help: 'print the result as JSON' },
} as const;

export type VerifyOptions = OptionValues<typeof OPTIONS>;

export const verifyCommand = command({
  name: 'verify',
  summary: 'compare the data of all members',
  options: OPTIONS,
  notes: NOTES,
  async run(values, context) {
    const { runVerify } = await import('./run-verify.ts');
    return runVerify(values, context);
  },
});
