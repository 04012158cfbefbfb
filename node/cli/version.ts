import { packageVersion } from '../server/version.ts';
import { command } from './command.ts';
import { flag } from './options.ts';

export const versionCommand = command({
  name: 'version',
  summary: 'say which Concert this is, and which Node runs it',
  options: { json: { kind: flag(), help: 'print {concert, node, executable} as JSON' } },
  async run({ json }, { output }) {
    const facts = { concert: packageVersion(), node: process.versions.node, executable: process.execPath };
    output.write(
      json
        ? `${JSON.stringify(facts, null, 2)}\n`
        : `concert ${facts.concert}, run by Node ${facts.node} (${facts.executable})\n`,
    );
    return 0;
  },
});
