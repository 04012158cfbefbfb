/** What every `Network` does. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { Connection, ConnectionHandler } from '../../gcs/base/index.ts';
import type { NetworkStage } from './stage.ts';

const QUIET: ConnectionHandler = { opened: () => {}, received: () => {}, closed: () => {} };

export function networkConformance(kind: string, makeStage: () => Promise<NetworkStage> | NetworkStage): void {
  const check = (name: string, body: (stage: NetworkStage) => Promise<void>): void => {
    test(`${kind} network: ${name}`, async () => {
      const stage = await makeStage();
      try {
        await body(stage);
      } finally {
        await stage.close();
      }
    });
  };

  check('frames arrive whole, in order, each once, in both directions', async (stage) => {
    stage.listener.listen((connection) => ({ ...QUIET, received: (bytes) => connection.send(bytes.slice()) }));
    const lengths = Array.from({ length: 200 }, (_, i) => (i === 100 ? 300_000 : i));
    const echoed = await stage.until<Uint8Array[]>((done) => {
      const got: Uint8Array[] = [];
      const connection: Connection = stage.opener.connect(stage.address, {
        opened: () => {
          for (const [i, length] of lengths.entries()) connection.send(new Uint8Array(length).fill(i));
        },
        received: (bytes) => {
          got.push(bytes.slice());
          if (got.length === lengths.length) done(got);
        },
        closed: () => {},
      });
    });
    assert.deepEqual(
      echoed.map((bytes) => [bytes.length, bytes[0]]),
      lengths.map((length, i) => [length, length === 0 ? undefined : i]),
    );
  });

  check('an accepted connection can send at once', async (stage) => {
    stage.listener.listen((connection) => {
      connection.send(Uint8Array.of(7));
      return QUIET;
    });
    const order = await stage.until<string[]>((done) => {
      const events: string[] = [];
      stage.opener.connect(stage.address, {
        opened: () => events.push('opened'),
        received: (bytes) => {
          events.push(`received ${bytes[0]}`);
          done(events);
        },
        closed: () => {},
      });
    });
    assert.deepEqual(order, ['opened', 'received 7']);
  });

  check('frames sent before closing arrive, then both ends are told once', async (stage) => {
    const events = await stage.until<string[]>((done) => {
      const seen: string[] = [];
      const saw = (event: string): void => {
        seen.push(event);
        if (seen.filter((one) => one.endsWith('closed')).length === 2) done(seen);
      };
      stage.listener.listen(() => ({
        ...QUIET,
        received: (bytes) => saw(`received ${bytes[0]}`),
        closed: () => saw('acceptor closed'),
      }));
      const connection: Connection = stage.opener.connect(stage.address, {
        opened: () => {
          connection.send(Uint8Array.of(1));
          connection.send(Uint8Array.of(2));
          connection.close('done');
          connection.send(Uint8Array.of(3));
          connection.close('again');
        },
        received: () => {},
        closed: () => saw('opener closed'),
      });
    });
    assert.deepEqual(
      events.filter((event) => event !== 'opener closed'),
      ['received 1', 'received 2', 'acceptor closed'],
    );
    assert.equal(events.filter((event) => event === 'opener closed').length, 1);
  });

  check('a connection to nobody is closed and never opened', async (stage) => {
    const events = await stage.until<string[]>((done) => {
      const seen: string[] = [];
      stage.opener.connect(stage.nobody, {
        opened: () => seen.push('opened'),
        received: () => seen.push('received'),
        closed: (reason) => {
          assert.equal(typeof reason, 'string');
          seen.push('closed');
          done(seen);
        },
      });
    });
    assert.deepEqual(events, ['closed']);
  });

  check('a connection closed before it is open is closed once', async (stage) => {
    stage.listener.listen(() => QUIET);
    const isWithinCall = await stage.until<boolean>((done) => {
      let isWithin = true;
      const connection = stage.opener.connect(stage.address, { ...QUIET, closed: () => done(isWithin) });
      connection.close('changed my mind');
      isWithin = false;
    });
    assert.equal(isWithinCall, false);
  });
}
