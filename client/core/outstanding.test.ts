import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { Notice } from './connection.ts';
import { type Ending, Endings } from './endings.ts';
import { Outstanding } from './outstanding.ts';

describe('outstanding requests', () => {
  test('have ids of their own, which are used again: no more ids than were outstanding at once', () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), (choices) => {
        const outstanding = new Outstanding();
        const model: Notice[] = [];
        let most = 0;
        for (const choice of choices) {
          if (choice % 2 === 0) {
            const request = new Notice('get');
            outstanding.add(request);
            assert(!model.some((other) => other.message.id === request.message.id));
            model.push(request);
            most = Math.max(most, model.length);
          } else if (model.length > 0) {
            const [request] = model.splice(choice % model.length, 1);
            assert(outstanding.has(request!));
            assert.equal(outstanding.take(request!.message.id), request);
            assert.equal(outstanding.take(request!.message.id), undefined);
            assert(!outstanding.has(request!));
          }
          assert.equal(outstanding.size, model.length);
          assert.deepEqual(new Set(outstanding.all()), new Set(model));
          for (const { message } of model) assert(message.id >= 1 && message.id <= most);
        }
      }),
    );
  });

  test('are not found by what is no id of theirs', () => {
    const outstanding = new Outstanding();
    outstanding.add(new Notice('get'));
    for (const id of [0, 2, -1, 1.5, '1', null, undefined, Number.NaN]) assert.equal(outstanding.take(id), undefined);
    outstanding.clear();
    assert.equal(outstanding.take(1), undefined);
  });
});

describe('endings', () => {
  test('are called once each, unless they were removed', () => {
    fc.assert(
      fc.property(fc.array(fc.nat()), (choices) => {
        const endings = new Endings();
        const calls = new Map<Ending, number>();
        const model: Ending[] = [];
        for (const choice of choices) {
          if (choice % 3 > 0) {
            const ending: Ending = { place: -1, clientClosed: () => calls.set(ending, (calls.get(ending) ?? 0) + 1) };
            endings.add(ending);
            model.push(ending);
          } else if (model.length > 0) {
            const [ending] = model.splice(choice % model.length, 1);
            endings.remove(ending!);
            endings.remove(ending!);
          }
        }
        endings.closeAll();
        endings.closeAll();
        assert.deepEqual(new Set(calls.keys()), new Set(model));
        assert([...calls.values()].every((count) => count === 1));
      }),
    );
  });

  test('may be removed by one that is called before them', () => {
    const endings = new Endings();
    let calls = 0;
    const second: Ending = { place: -1, clientClosed: () => calls++ };
    const first: Ending = { place: -1, clientClosed: () => endings.remove(second) };
    endings.add(first);
    endings.add(second);
    endings.closeAll();
    assert.equal(calls, 0);
  });
});
