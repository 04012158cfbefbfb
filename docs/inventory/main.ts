/**
 * `npm run inventory`: three shops, one at each member, sell, take back and correct the same products at once. In the
 * end the stock is right and never was negative, and the conflicts are shown: which products, and who lost to whom.
 *
 * Starts a group of its own for it; `npm run inventory -- --url ws://…,ws://…,ws://…` uses one that runs.
 */
import { parseArgs } from 'node:util';
import { ConcertError, connect } from '../../client/index.ts';
import { LocalGroup } from '../../harness/index.ts';
import { type Audit, audit } from './audit.ts';
import { Clerk, type Loss } from './clerk.ts';
import { openShop, type Product, tables } from './shop.ts';

const options = readOptions();
const clerksPerShop = 4;
const stockAtOpening = 50;
const names = ['violin', 'viola', 'cello', 'double bass', 'flute', 'oboe', 'clarinet', 'bassoon', 'horn', 'trumpet'];

await using stack = new AsyncDisposableStack();
let isEnding = false;
process.on('SIGINT', () => exit(130));
process.on('uncaughtException', (error) => {
  // What is asked when it is closed already is refused.
  if (!isEnding) console.error(error instanceof ConcertError ? `${error.code}: ${error.message}` : error);
  exit(1);
});
let urls = options.url?.split(',') ?? [];
if (options.url === undefined) {
  console.log('starting a group of three members …');
  const group = await LocalGroup.create({ after: (end) => stack.defer(end) });
  urls = group.members.map(({ url }) => url);
}
const client = await connect(urls);
stack.defer(() => client.close());
const shops = urls.map((url, at) => ({ name: `shop ${at + 1}`, url, member: client.at(url) }));

const stocked: Product[] = names.map((name, at) => ({ id: at + 1, name, stock: stockAtOpening }));
const initial = new Map(stocked.map(({ id, stock }) => [id, stock]));
await openShop(client, stocked);
console.log(`${names.length} products with a stock of ${stockAtOpening} each, ${clerksPerShop} clerks in each shop`);
for (const { name, url } of shops) console.log(`${name} is at ${url}`);

const losses: Loss[] = [];
const clerks = shops.flatMap(({ name: shop, member }) =>
  Array.from({ length: clerksPerShop }, (_, at) => {
    return new Clerk({
      shop,
      client: member,
      name: `${shop}-${at + 1}`,
      products: names.length,
      lost: (error) => losses.push({ shop, error }),
    });
  }),
);
const endsAt = performance.now() + options.seconds * 1000;
const isOver = () => performance.now() > endsAt;
const [audits] = await Promise.all([auditWhileOpen(), ...clerks.map((clerk) => clerk.work(isOver))]);

console.log(`\n${options.seconds} s later:`);
showWork();
await showConflicts();
process.exitCode = (await showBooks()) ? 0 : 1;

function exit(code: number): void {
  if (isEnding) return;
  isEnding = true;
  void stack.disposeAsync().finally(() => process.exit(code));
}

/** Any snapshot of any member must be right, not only the last one. */
async function auditWhileOpen(): Promise<number> {
  let count = 0;
  for (; !isOver(); count++) refuseWrong(await audit(shops[count % shops.length]!.member, initial));
  return count;
}

function refuseWrong({ problems }: Audit): void {
  if (problems.length > 0) throw new Error(`the books are wrong: ${problems.join('; ')}`);
}

function showWork(): void {
  const rows = shops.map(({ name }) => {
    const own = clerks.filter(({ shop }) => shop === name).map(({ tally }) => tally);
    const sum = (of: keyof Clerk['tally']) => own.reduce((total, tally) => total + tally[of], 0);
    const work = { orders: sum('orders'), 'sold out': sum('soldOut'), returns: sum('returns') };
    const again = losses.filter(({ shop }) => shop === name).length;
    return [name, { ...work, corrections: sum('corrections'), 'run again': again }] as const;
  });
  console.table(Object.fromEntries(rows));
}

async function showConflicts(): Promise<void> {
  const shopOf = new Map<unknown, string>();
  for (const { memberId, url } of client.status()) shopOf.set(memberId, shops.find((shop) => shop.url === url)!.name);
  const byRow = new Map<string, number>();
  const lostTo: Record<string, Record<string, number>> = {};
  for (const { shop, error } of losses) {
    const { table, key, winner } = error.facts as { table?: string; key?: unknown; winner?: { member: string } };
    const row =
      table === tables.products ? names[Number(key) - 1]! : `${table ?? error.code} ${JSON.stringify(key ?? '')}`;
    byRow.set(row, (byRow.get(row) ?? 0) + 1);
    const to = `to ${shopOf.get(winner?.member) ?? 'none of them'}`;
    lostTo[`${shop} lost`] ??= {};
    lostTo[`${shop} lost`]![to] = (lostTo[`${shop} lost`]![to] ?? 0) + 1;
  }
  console.log(`\n${losses.length} transactions lost to another one and were run again. The rows they were about:`);
  const hottest = [...byRow].sort(([, a], [, b]) => b - a).slice(0, 5);
  console.table(Object.fromEntries(hottest.map(([row, conflicts]) => [row, { conflicts }])));
  console.log('Who lost to whom:');
  const columns = shops.map(({ name }) => `to ${name}`);
  console.table(Object.fromEntries(Object.entries(lostTo).sort()), columns);
  const last = losses.findLast(({ error }) => error.code === 'CERTIFICATION_CONFLICT');
  if (last !== undefined) console.log(`The last one, in the member's words: ${last.error.message}`);
}

/** Whether they are right at every member, and hold every order that was acknowledged. */
async function showBooks(): Promise<boolean> {
  const sequenceNumber = Math.max(...(await client.memberStats()).map(({ appliedUpTo }) => appliedUpTo));
  const acknowledged = clerks.flatMap(({ placed }) => placed);
  let isRight = true;
  console.log();
  for (const { name, member } of shops) {
    await member.count(tables.products, {}, { atLeast: sequenceNumber });
    const { products, orders, problems } = await audit(member, initial);
    const there = new Set(orders.map(({ id }) => id));
    const missing = acknowledged.filter((id) => !there.has(id)).map((id) => `order ${id} is missing`);
    const wrong = [...problems, ...missing];
    isRight &&= wrong.length === 0;
    const stock = products.reduce((sum, one) => sum + one.stock, 0);
    console.log(
      `${name}: ${orders.length} orders, ${stock} pieces, ${wrong.length === 0 ? 'books right' : wrong.join('; ')}`,
    );
  }
  console.log(
    isRight
      ? `The stock is right at every member, and was right and never negative in ${audits} audits while they worked.`
      : 'THE BOOKS ARE WRONG.',
  );
  return isRight;
}

function readOptions(): { url: string | undefined; seconds: number } {
  try {
    const { values } = parseArgs({ options: { url: { type: 'string' }, seconds: { type: 'string', default: '10' } } });
    const seconds = Number(values.seconds);
    if (!(seconds > 0 && seconds <= 3600))
      throw new Error(`--seconds: more than 0, at most 3600, not ${values.seconds}`);
    return { url: values.url, seconds };
  } catch (error) {
    console.error(`inventory: ${(error as Error).message}; options are --url URL,… and --seconds S`);
    process.exit(2);
  }
}
