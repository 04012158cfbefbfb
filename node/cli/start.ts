import { CERTIFICATION_CAPACITY_DEFAULT, IDEMPOTENCY_HORIZON_MS_DEFAULT } from '../engine/member/options.ts';
import type { StartOptions } from '../server/member-process.ts';
import { certificationCapacity } from './certification-capacity.ts';
import { failed, wrongOption } from './cli-error.ts';
import { command } from './command.ts';
import { idempotencyHorizon } from './idempotency-horizon.ts';
import { memberOptions, readMemberOptions } from './member-options.ts';
import { addresses, choice, flag, text, wholeNumber } from './options.ts';

export const startCommand = command({
  name: 'start',
  summary: 'run one member of a group, until SIGINT or SIGTERM',
  options: {
    data: { kind: text('DIR'), help: 'data directory of this member (required); made if there is none' },
    host: { kind: text('HOST'), help: 'address to serve, for clients and members (127.0.0.1)' },
    port: { kind: wholeNumber(0, 65_535), help: 'port for clients (7001); 0: any free one' },
    'group-port': { kind: wholeNumber(0, 65_535), help: 'port for the other members (7101); 0: any free one' },
    bootstrap: { kind: flag(), help: 'create a new group of this member and those in --seeds' },
    seeds: {
      kind: addresses(),
      help: 'group addresses: with --bootstrap of all the other founding members, else of members to join or form with',
    },
    'group-name': { kind: text('NAME'), help: 'name of the new group, with --bootstrap (concert)' },
    lanes: { kind: wholeNumber(1, 16), help: 'applier lanes (2); fixed when the data directory is made' },
    'certification-capacity': certificationCapacity('with --bootstrap, fixed for the new group'),
    'idempotency-horizon': idempotencyHorizon('with --bootstrap, fixed for the new group'),
    ...memberOptions,
    insecure: {
      kind: flag(),
      help: 'serve an address that other machines reach, although nobody is asked who they are',
    },
    'log-level': { kind: choice('debug', 'info', 'warn', 'error', 'silent'), help: 'what is logged (info)' },
  },
  notes: `A group is created once: one member with --bootstrap and the group addresses of all the others in --seeds, each
of the others with the group address of that one. A new member joins a group that runs the same way: --seeds with the
group addresses of some members. It receives their state and votes when it has caught up. A member that finds its group in
its data directory needs neither; said again, they change nothing. A member that lost its disk joins as a new one.`,
  async run(values) {
    if (values.data === undefined) throw wrongOption('--data DIR is missing; it says where this member keeps its data');
    for (const name of ['group-name', 'certification-capacity', 'idempotency-horizon'] as const) {
      if (values[name] !== undefined && !values.bootstrap) {
        throw wrongOption(`--${name} is fixed when a group is created; say it with --bootstrap`);
      }
    }
    const port = values.port ?? 7001;
    const groupPort = values['group-port'] ?? 7101;
    if (port === groupPort && port !== 0)
      throw wrongOption(`--port and --group-port are both ${port}; they must differ`);
    const options: StartOptions = {
      dataDirectory: values.data,
      host: values.host ?? '127.0.0.1',
      port,
      groupPort,
      formation: formationOf(values),
      lanes: values.lanes ?? null,
      insecure: values.insecure ?? false,
      logLevel: values['log-level'] ?? 'info',
      ...readMemberOptions(values),
    };
    // Storage and engine are loaded only where a member runs.
    const { startMember } = await import('../server/member-process.ts').catch(explainMissingStorage);
    const member = await startMember(options);
    const stop = () => member.stop();
    process.on('SIGINT', stop);
    process.on('SIGTERM', stop);
    return await member.ended;
  },
});

/** LMDB's compiled part is an optional dependency, one for each platform, and npm may have left it away. */
function explainMissingStorage(error: unknown): never {
  if (!(error instanceof Error) || !error.message.startsWith('No native build was found')) throw error;
  throw failed(
    `the storage library lmdb has no compiled part for ${process.platform}-${process.arch} here: install with optional dependencies (without --omit=optional)`,
    error,
  );
}

function formationOf(values: {
  readonly bootstrap: boolean | undefined;
  readonly seeds: readonly string[] | undefined;
  readonly 'group-name': string | undefined;
  readonly 'certification-capacity': number | undefined;
  readonly 'idempotency-horizon': number | undefined;
}): StartOptions['formation'] {
  if (values.bootstrap) {
    return {
      kind: 'bootstrap',
      seeds: values.seeds ?? [],
      groupName: values['group-name'] ?? 'concert',
      certificationCapacity: values['certification-capacity'] ?? CERTIFICATION_CAPACITY_DEFAULT,
      idempotencyHorizonMs: (values['idempotency-horizon'] ?? IDEMPOTENCY_HORIZON_MS_DEFAULT / 1000) * 1000,
    };
  }
  return values.seeds === undefined ? null : { kind: 'seeds', seeds: values.seeds };
}
