/**
 * A first transaction, over the bare WebSocket API: `npm run first-transaction` while `npm start` runs.
 * Writes through member 1, reads through member 2, and lets two members fight over one row.
 */

interface Answer {
  readonly id: number;
  readonly ok: boolean;
  readonly result?: Record<string, unknown>;
  readonly error?: Record<string, unknown>;
}

/** One connection: `ask` sends a request and comes back with its answer. */
async function connect(url: string): Promise<{ ask(op: string, args?: object): Promise<Answer>; close(): void }> {
  const socket = new WebSocket(url, 'concert.v1.json');
  const waiting = new Map<number, (answer: Answer) => void>();
  let lastId = 0;
  socket.addEventListener('message', ({ data }) => {
    // A frame is one message or an array of them; messages without an id are events, such as the welcome.
    for (const message of [JSON.parse(data)].flat()) waiting.get(message.id)?.(message);
  });
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', () => reject(new Error(`cannot connect to ${url}: is \`npm start\` running?`)));
  }).catch((error) => {
    console.error(error.message);
    process.exit(1);
  });
  return {
    ask: (op, args = {}) =>
      new Promise((resolve) => {
        const id = ++lastId;
        waiting.set(id, resolve);
        socket.send(JSON.stringify({ id, op, ...args }));
      }),
    close: () => socket.close(),
  };
}

function show(what: string, answer: Answer): void {
  console.log(`${what}\n  ${JSON.stringify(answer.ok ? answer.result : answer.error)}`);
}

const one = await connect('ws://127.0.0.1:7001/v1');
const two = await connect('ws://127.0.0.1:7002/v1');

const table = 'shop.products';
show('create a table, at member 1', await one.ask('createTable', { table, primaryKey: ['id'], ifNotExists: true }));

show(
  'one transaction of two writes, at member 1',
  await one.ask('transact', {
    steps: [
      { op: 'put', table, row: { id: 5, name: 'violin', stock: 5 } },
      { op: 'put', table, row: { id: 6, name: 'cello', stock: 2 } },
    ],
  }),
);
const update = await one.ask('update', { table, key: 5, set: { stock: 4 } });
show('an update, a transaction of its own, at member 1', update);
show(
  'a read at member 2 that waits until it sees that update',
  await two.ask('get', { table, key: 5, atLeast: update.result?.gtid }),
);

// Both read stock 4 and want to write 3. The first to commit wins; the other is told which row, and who won.
await one.ask('begin', { tx: 't' });
await two.ask('begin', { tx: 't' });
await one.ask('get', { tx: 't', table, key: 5 });
await two.ask('get', { tx: 't', table, key: 5 });
await one.ask('update', { tx: 't', table, key: 5, set: { stock: 3 } });
await two.ask('update', { tx: 't', table, key: 5, set: { stock: 3 } });
show('the same row changed at both members: commit at member 1', await one.ask('commit', { tx: 't' }));
show('… and at member 2', await two.ask('commit', { tx: 't' }));

one.close();
two.close();
