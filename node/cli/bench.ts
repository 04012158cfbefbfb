import type { Command } from './command.ts';

/** The benchmark reads its own options. */
export const benchCommand: Command = {
  name: 'bench',
  summary: 'measure a group: concert bench micro',
  optionNames: [
    'members',
    'connections',
    'pipeline',
    'seconds',
    'warmup',
    'rows',
    'runs',
    'format',
    'url',
    'data',
    'keep',
    'profile',
    'json',
  ],
  async run({ args }) {
    const { main } = await import('../../bench/index.ts');
    return main([...args]);
  },
};
