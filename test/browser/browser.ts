/** A real browser, and pages of it that keep whatever they complain of. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { Cleanup } from '../../harness/index.ts';

const CHROMIUM = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync);

/** Why there can be no test in a browser, or false. On the build machine that is a failure. */
export function whyNoBrowser(): string | false {
  if (CHROMIUM !== undefined) return false;
  assert(process.env.CI !== 'true', 'chromium is installed (apt-get install chromium)');
  return 'chromium is not installed';
}

export interface Look {
  readonly width: number;
  readonly height: number;
  readonly colorScheme: 'light' | 'dark';
}

export class WatchedPage {
  readonly page: Page;
  readonly name: string;
  /** Errors, warnings and failed requests, since they were last taken. */
  readonly #complaints: string[] = [];
  readonly #shots: string;

  constructor(page: Page, name: string, shots: string) {
    this.page = page;
    this.name = name;
    this.#shots = shots;
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.#complaints.push(`${message.type()}: ${message.text()}`);
    });
    page.on('pageerror', (error) => this.#complaints.push(`uncaught: ${error.stack}`));
    page.on('requestfailed', (request) => this.#complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
    page.on('response', (response) => {
      if (response.status() >= 400) this.#complaints.push(`${response.url()}: ${response.status()}`);
    });
  }

  takeComplaints(): readonly string[] {
    return this.#complaints.splice(0);
  }

  /** Of the whole page, into the folder of this run. */
  async screenshot(what: string): Promise<void> {
    await this.page.screenshot({ path: path.join(this.#shots, `${what}-${this.name}.png`), fullPage: true });
  }
}

export class TestBrowser {
  readonly #browser: Browser;
  readonly #shots: string;

  /** Screenshots are kept in CONCERT_SCREENSHOTS, or where the test has failed. */
  static async launch(t: Cleanup): Promise<TestBrowser> {
    assert(CHROMIUM !== undefined);
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] });
    const kept = process.env.CONCERT_SCREENSHOTS;
    if (kept !== undefined) mkdirSync(kept, { recursive: true });
    const shots = kept ?? mkdtempSync(path.join(tmpdir(), 'concert-screenshots-'));
    t.after(async () => {
      await browser.close();
      if (t.passed === false) t.diagnostic?.(`screenshots: ${shots}`);
      else if (kept === undefined) rmSync(shots, { recursive: true, force: true });
    });
    return new TestBrowser(browser, shots);
  }

  private constructor(browser: Browser, shots: string) {
    this.#browser = browser;
    this.#shots = shots;
  }

  async open(url: string, { width, height, colorScheme }: Look): Promise<WatchedPage> {
    const context = await this.#browser.newContext({ viewport: { width, height }, colorScheme });
    const watched = new WatchedPage(await context.newPage(), `${width}-${colorScheme}`, this.#shots);
    await watched.page.goto(url);
    return watched;
  }
}
