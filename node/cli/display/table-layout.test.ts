import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { valueJson } from '../value-json.ts';
import { cellText, cut, fitted, widthOf } from './cell-text.ts';
import { renderExpanded, TableLayout } from './table-layout.ts';

describe('cells', () => {
  test('values are shown in one line, and control characters as what they are', () => {
    assert.equal(cellText('one\ntwo\t\u001b[31mred\u0007\u202Egnp'), 'one\\ntwo\\t\\u001b[31mred\\u0007\\u202egnp');
    assert.equal(cellText(null), 'null');
    assert.equal(cellText(undefined), '');
    assert.equal(cellText(9223372036854775807n), '9223372036854775807');
    assert.equal(cellText(new Uint8Array([1, 171])), '0x01ab');
    assert.equal(cellText({ a: [1n, 'x'], b: new Uint8Array([1]) }), '{"a":["1","x"],"b":{"$bytes":"AQ=="}}');
    assert.equal(cellText({ a: '\u001b' }), '{"a":"\\u001b"}');
    assert.equal(valueJson(Buffer.from([1])), '{"$bytes":"AQ=="}');
  });

  test('widths are those of a terminal', () => {
    assert.equal(widthOf('violin'), 6);
    assert.equal(widthOf('ヴァイオリン'), 12);
    assert.equal(widthOf('👩‍👩‍👧'), 2);
    assert.equal(widthOf('e\u0301'), 1);
  });

  test('a cell is cut with … between characters, and has its width', () => {
    assert.equal(cut('violin', 6), 'violin');
    assert.equal(cut('violins', 6), 'violi…');
    assert.equal(fitted('ヴァイオリン', 6), 'ヴァ… ');
    assert.equal(cut('a👩‍👩‍👧b👩‍👩‍👧', 5), 'a👩‍👩‍👧b…');
    assert.equal(cut('x'.repeat(1_000_000), 5), 'xxxx…');
    assert.equal(fitted('7', 3, 'right'), '  7');
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 2, max: 20 }), (text, width) => {
        assert.equal(widthOf(fitted(cellText(text), width)), width);
      }),
    );
  });
});

describe('tables', () => {
  const rows = [
    { id: 1, name: 'violin', stock: 5 },
    { id: 22, name: 'ヴィオラ', stock: null },
  ];

  test('columns are aligned, numbers to the right', () => {
    assert.equal(
      new TableLayout(null).render(rows),
      [' id │ name     │ stock', '────┼──────────┼──────', '  1 │ violin   │     5', ' 22 │ ヴィオラ │ null', ''].join(
        '\n',
      ),
    );
  });

  test('rows may have different columns', () => {
    assert.equal(
      new TableLayout(null).render([
        { id: 1, a: 'x' },
        { id: 2, b: true },
      ]),
      [' id │ a │ b', '────┼───┼─────', '  1 │ x │', '  2 │   │ true', ''].join('\n'),
    );
  });

  test('no line is wider than the terminal: the widest columns are cut first', () => {
    const text = new TableLayout(44).render([{ id: 1, name: 'violin', note: 'x'.repeat(100), other: 'y'.repeat(50) }]);
    for (const line of text.trimEnd().split('\n')) assert.ok(widthOf(line) <= 44, line);
    assert.match(text, / {2}1 │ violin │ x+… │ y+…/);
    fc.assert(
      fc.property(
        fc.array(
          fc.dictionary(fc.constantFrom('id', 'name', 'ヴ'), fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer())),
        ),
        fc.integer({ min: 50, max: 120 }),
        (some, width) => {
          const layout = new TableLayout(width);
          assert.equal(layout.isTooWide(some), false);
          for (const line of layout.render(some).split('\n')) assert.ok(widthOf(line) <= width, line);
        },
      ),
    );
  });

  test('later rows are aligned with earlier ones; where they need more room, the head is repeated', () => {
    const layout = new TableLayout(null);
    layout.render(rows);
    assert.equal(layout.render([{ id: 3, name: 'cello', stock: 1 }]), '  3 │ cello    │     1\n');
    assert.match(
      layout.render([{ id: 4, name: 'double bass', stock: 1 }]),
      /^ id │ name {8}│ stock\n─+┼─+┼─+\n {2}4 │ double bass │/,
    );
  });

  test('many columns are too wide for a table, and are shown expanded', () => {
    const row = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`column ${i}`, 'a value of some length']));
    assert.equal(new TableLayout(80).isTooWide([row]), true);
    assert.equal(new TableLayout(200).isTooWide([row]), false);
    assert.equal(new TableLayout(null).isTooWide([row]), false);
    assert.equal(
      renderExpanded([{ id: 1, name: 'vi\nolin' }, { id: 2 }], 7),
      '─[ 7 ]────\n id   │ 1\n name │ vi\\nolin\n─[ 8 ]────\n id   │ 2\n',
    );
  });
});
