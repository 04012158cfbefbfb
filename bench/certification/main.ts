/** `npm run certification`: how fast certification is alone, by the number of live rows. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { lruWriterTable } from '../../certifier/cache/index.ts';
import { type NewWriterTable, packedWriterTable } from '../../certifier/index.ts';
import { measurePoint, type Phase, type Point } from './measure-point.ts';

const HELP = `npm run certification -- [OPTIONS]

Certifies single-row transactions in one thread, at so many live rows, with each of the tables that the certification
database can have, each in a process of its own; prints rows a second, the longest turn (a batch of 20) with the
collector's pauses, what a row allocates and how much memory it takes.

  --rows N,…     live rows (default 1000,10000,100000,1000000,10000000)
  --writes N     of each phase but the first, which writes each row once (default 2000000)
  --tables T,…   packed, lru (default both)
  --json FILE    writes all of it
  --help
`;

const TABLES: Readonly<Record<string, NewWriterTable>> = { packed: packedWriterTable, lru: lruWriterTable };
const ROWS_MAX = 16_000_000;

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '1000,10000,100000,1000000,10000000' },
    writes: { type: 'string', default: '2000000' },
    tables: { type: 'string', default: 'packed,lru' },
    json: { type: 'string' },
    /** Of one process. */
    point: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

function main(): void {
  const rows = values.rows.split(',').map(Number);
  const writes = Number(values.writes);
  const tables = values.tables.split(',');
  const isNumber = (number: number): boolean => Number.isSafeInteger(number) && number >= 1 && number <= ROWS_MAX;
  if (!rows.every(isNumber) || !isNumber(writes) || tables.some((table) => TABLES[table] === undefined)) {
    process.stderr.write(HELP);
    process.exitCode = 2;
  } else if (values.point) {
    process.stdout.write(JSON.stringify(measurePoint(TABLES[tables[0]!]!, rows[0]!, writes)));
  } else measureAll(tables, rows, writes);
}

function measureAll(tables: readonly string[], rows: readonly number[], writes: number): void {
  process.stdout.write(`${HEAD.map((name, at) => name.padStart(WIDTHS[at]!)).join('')}\n`);
  const points: { readonly table: string; readonly point: Point }[] = [];
  for (const each of rows) {
    for (const table of tables) {
      const point = pointOfProcess(table, each, writes);
      points.push({ table, point });
      process.stdout.write(`${cells(table, point)}\n`);
    }
  }
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(points, null, 2)}\n`);
}

function pointOfProcess(table: string, rows: number, writes: number): Point {
  const ofPoint = ['--point', '--tables', table, '--rows', String(rows), '--writes', String(writes)];
  const args = [...process.execArgv, '--expose-gc', process.argv[1]!, ...ofPoint];
  const { stdout, status, error } = spawnSync(process.execPath, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (status !== 0) throw error ?? new Error(`the process ended with ${status}`);
  return JSON.parse(stdout) as Point;
}

const HEAD = [
  'rows',
  'table',
  'fill M/s',
  'rewrite',
  'evict',
  'purge',
  'B heap',
  'B buffer',
  'worst ms',
  '99.9 %',
].concat(['start ms', 'start MB', 'B/row', 'at most']);
const WIDTHS = [9, 7, 10, 9, 7, 7, 8, 10, 10, 8, 10, 10, 7, 9];

/** What is allocated and how long a turn takes: the most of the phases behind the first. */
function cells(table: string, point: Point): string {
  const { rows, fill, rewrite, evict, purge } = point;
  const steady: readonly Phase[] = [rewrite, evict, purge];
  const most = (of: (phase: Phase) => number): number => Math.max(...steady.map(of));
  const millions = [fill, ...steady].map(({ perSecond }) => (perSecond / 1e6).toFixed(2));
  const texts = [
    String(rows),
    table,
    ...millions,
    most(({ heapBytesPerRow }) => heapBytesPerRow).toFixed(0),
    most(({ bufferBytesPerRow }) => bufferBytesPerRow).toFixed(0),
    Math.max(
      fill.worstTurnMs,
      most(({ worstTurnMs }) => worstTurnMs),
    ).toFixed(1),
    Math.max(
      fill.slowTurnMs,
      most(({ slowTurnMs }) => slowTurnMs),
    ).toFixed(2),
    point.constructMs.toFixed(1),
    (point.emptyBytes / 1e6).toFixed(1),
    point.fullBytesPerRow.toFixed(0),
    point.ownBytesPerRowMax.toFixed(0),
  ];
  return texts.map((text, at) => text.padStart(WIDTHS[at]!)).join('');
}

if (values.help) process.stdout.write(HELP);
else main();
