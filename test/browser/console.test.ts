/** The console page in a real browser, over a real group that is loaded, loses members and gets them back. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalGroup, waitUntil } from '../../harness/index.ts';
import { type Look, TestBrowser, type WatchedPage, whyNoBrowser } from './browser.ts';
import { Contention } from './contention.ts';

const LOOKS: readonly Look[] = [
  { width: 1280, height: 900, colorScheme: 'light' },
  { width: 1280, height: 900, colorScheme: 'dark' },
  { width: 400, height: 800, colorScheme: 'light' },
  { width: 400, height: 800, colorScheme: 'dark' },
];

const HTML_KEY = '<img src=x onerror="document.title=1">';
const KEYS = [HTML_KEY, 'Straße № 5, 東京 🎻', 'a key without an end '.repeat(40), 'b'.repeat(200), 'violin'];
const TABLE = 'shop.products_of_a_shop_with_very_long_names_for_its_many_tables';

const LIMIT_MS = 20_000;

/** Waits until `expression`, run in the page, is true. The page's policy allows no other way of waiting in it. */
async function until({ page, name }: WatchedPage, what: string, expression: string): Promise<void> {
  try {
    await waitUntil(what, LIMIT_MS, () => page.evaluate<boolean>(expression));
  } catch (error) {
    assert.fail(`${name}: ${(error as Error).message}; the headline is ${await page.locator('#headline').innerText()}`);
  }
}

function untilHeadline(watched: WatchedPage, pattern: RegExp): Promise<void> {
  return until(watched, `the headline ${pattern}`, `${pattern}.test(document.querySelector('#headline').textContent)`);
}

async function stays(watched: WatchedPage): Promise<void> {
  const { page, name } = watched;
  const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
  assert.ok(Number(overflow) <= 0, `${name}: the page is ${overflow} px wider than the window`);
  assert.deepEqual(watched.takeComplaints(), [], name);
}

/** Something is drawn where the lines are, and not the grid alone: as many colours as series. */
const PLOTTED = (plot: string, colors: number) => `(() => {
  const canvas = document.querySelector('#${plot} canvas');
  if (canvas === null || canvas.width < 200) return false;
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  const hues = new Set();
  for (let i = 0; i < data.length; i += 4) {
    const [red, green, blue, alpha] = data.subarray(i, i + 4);
    if (alpha < 250 || Math.max(red, green, blue) - Math.min(red, green, blue) < 60) continue;
    hues.add([red >> 5, green >> 5, blue >> 5].join());
  }
  const values = [...document.querySelectorAll('#${plot} .legend-value')].map((one) => parseFloat(one.textContent));
  return hues.size >= ${colors} && values.length === ${colors} && values.some((value) => value > 0);
})()`;

test('the console page in a browser', { skip: whyNoBrowser(), timeout: 120_000 }, async (t) => {
  const group = await LocalGroup.create(t);
  const browser = await TestBrowser.launch(t);
  const [own, , third] = group.members;
  const address = `127\\.0\\.0\\.1:${own!.port}`;
  const pages = await Promise.all(LOOKS.map((look) => browser.open(`http://127.0.0.1:${own!.port}/`, look)));
  const [wide] = pages as [WatchedPage];
  const everywhere = async (look: (watched: WatchedPage) => Promise<void>) => void (await Promise.all(pages.map(look)));
  await everywhere(async ({ page }) => {
    await page.evaluate('window.wasNeverReloaded = true');
  });

  await t.test('an empty group: all members are there, and a first command is offered', () =>
    everywhere(async (watched) => {
      await untilHeadline(watched, /^All 3 members are ONLINE, no commits yet/);
      assert.equal(await watched.page.locator('#members tr[data-state=ONLINE]').count(), 3);
      assert.match(
        await watched.page.locator('#empty').innerText(),
        /npx concert shell --url ws:[\s\S]*put shop\.products/,
      );
      await watched.screenshot('empty');
      await stays(watched);
    }),
  );

  const contention = await Contention.start(group.members, TABLE, KEYS);
  group.atEnd(() => contention.stop());

  await t.test('under load: commits, conflicts and latency are drawn; conflicts and hot rows are told', () =>
    everywhere(async (watched) => {
      const { page } = watched;
      await untilHeadline(watched, /^All 3 members are ONLINE, [\d,.]+ commits\/s, data equal at [1-9][\d,]*$/);
      await until(watched, 'commits drawn', PLOTTED('commits-plot', 3));
      await until(watched, 'conflicts drawn', PLOTTED('conflicts-plot', 3));
      await until(watched, 'latency drawn', PLOTTED('latency-plot', 3));
      assert.equal(await page.locator('#empty').isVisible(), false);
      assert.equal(await page.getByText('leader', { exact: true }).locator('visible=true').count(), 1);
      await until(watched, 'conflicts', "document.querySelectorAll('#conflicts tr').length >= 10");
      const conflict = await page.locator('#conflicts tr').first().innerText();
      assert.match(conflict, new RegExp(`${TABLE}[^]*row written meanwhile[^]*:\\d+\\s*lost to\\s*:\\d+`));
      const shownKey = JSON.stringify(HTML_KEY);
      await until(
        watched,
        'a hot row',
        `[...document.querySelectorAll('#hot-rows .key')].some((key) => key.textContent === ${JSON.stringify(shownKey)})`,
      );
      assert.equal(await page.locator('main img').count(), 0, 'a key is never markup');
      await until(watched, 'who lost to whom', "document.querySelectorAll('#pairs td.pair').length >= 4");
      assert.match(await page.locator('#members tr').first().innerText(), /\d+(\.\d)? · \d+(\.\d)? · \d+(\.\d)? m?s/);
      await stays(watched);
    }),
  );

  await t.test('the last conflicts stand still while the reader wants it, by keyboard too', async () => {
    const { page } = wide;
    const times = () => page.locator('#conflicts time').allTextContents();
    await page.locator('#hold').focus();
    await page.keyboard.press('Enter');
    const held = await times();
    const looked = await page.locator('#looked-at').textContent();
    await until(wide, 'another look', `document.querySelector('#looked-at').textContent !== ${JSON.stringify(looked)}`);
    assert.deepEqual(await times(), held);
    await page.keyboard.press('Enter');
    await until(
      wide,
      'newer conflicts',
      `document.querySelector('#conflicts time').textContent !== ${JSON.stringify(held[0])}`,
    );
  });

  await t.test(
    'open transactions: what they hold and whom they wait for, wherever they are; they go with their end',
    async () => {
      const [at, other] = await Promise.all([own!.client(), third!.client()]);
      const key = KEYS[4]!;
      await at.result('createTable', { table: 'shop.locked', primaryKey: ['id'], ifNotExists: true });
      await at.result('put', { table: 'shop.locked', row: { id: key } });
      await at.result('begin', { tx: 'holder <b>' });
      await at.result('get', { tx: 'holder <b>', table: 'shop.locked', key, forUpdate: true });
      await at.result('put', { tx: 'holder <b>', table: 'shop.locked', row: { id: 'written' } });
      const second = await own!.client();
      await second.result('begin', { tx: 'waiter', lockTimeoutMs: 30_000 });
      const waits = second.ask('get', { tx: 'waiter', table: 'shop.locked', key, forUpdate: true });
      await other.result('begin', { tx: 'far', isolation: 'SERIALIZABLE' });
      await everywhere(async (watched) => {
        const rows = "[...document.querySelectorAll('#transactions tr')].map((row) => row.innerText).join('; ')";
        await until(
          watched,
          'the holder',
          `/holder <b>[^;]*open[^;]*for \\d+ s[^;]*1 row written, 1 locked[^;]*purge floor/.test(${rows})`,
        );
        await until(
          watched,
          'who waits',
          `/waiter[^;]*waiting[^;]*shop.locked "violin"[^;]*held by holder <b> at :\\d+/.test(${rows})`,
        );
        await until(watched, 'one of another member', `/far\\s+SERIALIZABLE[^;]*:${third!.port}/.test(${rows})`);
        assert.equal(await watched.page.locator('#transactions b').count(), 0, 'a name is never markup');
        await watched.screenshot('transactions');
        await stays(watched);
      });
      await at.result('rollback', { tx: 'holder <b>' });
      await waits;
      for (const client of [at, second, other]) client.close();
      await everywhere((watched) =>
        until(
          watched,
          'nothing open',
          "!/holder|waiter|far/.test(document.querySelector('#open-transactions').innerText)",
        ),
      );
    },
  );

  await t.test('a killed member is named, with since when, and what the group does', async () => {
    await everywhere((watched) => watched.screenshot('load'));
    await third!.process.kill();
    await everywhere(async (watched) => {
      const gone = new RegExp(
        `^Member 127\\.0\\.0\\.1:${third!.port} has been unreachable for \\d+ s; the group goes on with 2 of 3$`,
      );
      await untilHeadline(watched, gone);
      assert.match(
        await watched.page.locator('#members tr[data-state=UNREACHABLE]').innerText(),
        /UNREACHABLE\s+for \d+ s/,
      );
      assert.match(
        await watched.page.locator('#announcement').innerText(),
        /is unreachable; the group goes on with 2 of 3\.$/,
      );
      await watched.screenshot('member-down');
      await stays(watched);
    });
    third!.start();
    await third!.online();
    await everywhere((watched) => untilHeadline(watched, /^All 3 members are ONLINE/));
  });

  await t.test('when the writing ends, the data are told to be equal', async () => {
    await contention.stop();
    await everywhere((watched) =>
      untilHeadline(watched, /^All 3 members are ONLINE, no commits at present, data equal at [\d,]+$/),
    );
  });

  await t.test(
    'a page whose own member is killed says so, keeps what it has, and comes back without a reload',
    async () => {
      await everywhere(async (watched) => assert.deepEqual(watched.takeComplaints(), []));
      await own!.process.kill();
      await everywhere(async (watched) => {
        const { page } = watched;
        await untilHeadline(watched, new RegExp(`^This page’s member, ${address}, has not answered for \\d+ s$`));
        const links = await page.evaluate("[...document.querySelectorAll('#other-pages a')].map((link) => link.href)");
        assert.deepEqual(
          links,
          group.others(own!).map(({ port }) => `http://127.0.0.1:${port}/`),
        );
        assert.equal(await page.locator('#watched[data-stale] #members tr').count(), 3);
        assert.ok((await page.locator('#conflicts tr').count()) > 0);
        await watched.screenshot('own-member-down');
      });
      own!.start();
      await own!.online();
      await everywhere(async (watched) => {
        await untilHeadline(watched, /^All 3 members are ONLINE/);
        assert.equal(await watched.page.locator('#watched[data-stale]').count(), 0);
        assert.equal(await watched.page.evaluate('window.wasNeverReloaded'), true);
        // The browser itself tells of each connection that was refused; nothing else may be told.
        const others = watched.takeComplaints().filter((one) => !/WebSocket connection to .* failed/.test(one));
        assert.deepEqual(others, [], watched.name);
        await stays(watched);
      });
    },
  );
});
