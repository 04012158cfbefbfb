import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';

const read = (name: string) => readFileSync(path.join(import.meta.dirname, name), 'utf8');

describe('the console page', () => {
  test('text has a contrast of at least 4.5 to 1 on every ground that it stands on, in both schemes', () => {
    const [light, dark] = [...read('console.css').matchAll(/:root \{([^}]+--[^}]+)\}/g)].map(([, rules]) =>
      colorsOf(rules!),
    );
    for (const [scheme, colors] of Object.entries({ light: light!, dark: { ...light!, ...dark! } })) {
      const pairs = [
        ...['ink', 'soft', 'link'].flatMap((text) => ['ground', 'panel'].map((ground) => [text, ground])),
        ...['good', 'attention', 'bad'].flatMap((level) => [
          [level, 'panel'],
          [level, `${level}-ground`],
          ['ink', `${level}-ground`],
        ]),
      ] as [string, string][];
      for (const [text, ground] of pairs) {
        const contrast = contrastOf(colors[text]!, colors[ground]!);
        assert.ok(contrast >= 4.5, `${scheme}: ${text} on ${ground} has ${contrast.toFixed(2)}`);
      }
      for (const name of Object.keys(colors).filter((one) => /^series|^quantile/.test(one))) {
        const contrast = contrastOf(colors[name]!, colors.panel!);
        assert.ok(contrast >= 3, `${scheme}: lines of ${name} have ${contrast.toFixed(2)}`);
      }
    }
  });

  test('every element that a script asks for is there', () => {
    const html = read('index.html');
    const asked = readdirSync(import.meta.dirname)
      .filter((name) => name.endsWith('.js'))
      .flatMap((name) => [...read(name).matchAll(/byId\('([\w-]+)'\)/g)].map(([, id]) => id!));
    assert.ok(asked.length > 20);
    for (const id of asked) assert.equal(html.split(`id="${id}"`).length, 2, `#${id}`);
  });
});

function colorsOf(rules: string): Record<string, string> {
  return Object.fromEntries([...rules.matchAll(/--([\w-]+): (#[\da-f]{6});/g)].map(([, name, color]) => [name, color]));
}

/** As WCAG 2 has it. */
function contrastOf(one: string, other: string): number {
  const [lighter, darker] = [luminanceOf(one), luminanceOf(other)].sort((a, b) => b - a);
  return (lighter! + 0.05) / (darker! + 0.05);
}

function luminanceOf(color: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}
