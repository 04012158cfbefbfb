import type { Command } from './command.ts';

/** The benchmark reads its own options. */
export const benchCommand: Command = {
  name: 'bench',
  summary: 'measure a group under load: concert bench micro, inventory, large, oltp, counters, duty, or rules, peers',
  optionNames: [
    'members',
    'connections',
    'pipeline',
    'rate',
    'arrivals',
    'backlog',
    'attempts',
    'seconds',
    'warmup',
    'runs',
    'seed',
    'generators',
    'format',
    'url',
    'data',
    'keep',
    'profile',
    'json',
    'rows',
    'products',
    'skew',
    'stock',
    'method',
    'bytes',
    'rowBytes',
    'every',
    'window',
    'settle',
    'teams',
    'others',
    'rule',
    'peers',
    'scenario',
    'rounds',
  ],
  async run({ args }) {
    const { main } = await import('../../bench/index.ts');
    return main([...args]);
  },
};
