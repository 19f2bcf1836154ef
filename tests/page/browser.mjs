// SPDX-License-Identifier: Apache-2.0
//
// What the tests of the page share: a browser that notes all that it should not do.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writePageOf, writePoints } from './pages.mjs';

const { chromium } = createRequire(process.env.OSP_MODULES)('playwright-core');

// Chromium without its own windows, which take half of a test's time.
const chromiumPath = process.env.CHROMIUM || '/usr/bin/chromium-headless-shell';

export class Browser {
  static async start() {
    const browser = new Browser();

    browser.dir = mkdtempSync(join(tmpdir(), 'osprofiler-page.'));
    browser.chromium = await chromium.launch({
      executablePath: chromiumPath, args: ['--no-sandbox'],
    });
    return browser;
  }

  async stop() {
    await this.chromium.close();
    rmSync(this.dir, { recursive: true });
  }

  // The processor time of all processes that draw pages, all threads, in ms.
  async rendererTime() {
    this.session ||= await this.chromium.newBrowserCDPSession();
    const { processInfo } = await this.session.send('SystemInfo.getProcessInfo');

    return processInfo.filter(({ type }) => type === 'renderer')
      .reduce((sum, { cpuTime }) => sum + cpuTime * 1000, 0);
  }

  // Writes the page of a trace of make_traces.mjs, and returns its path.
  async writePage(name, said = '') {
    return this.writePageOf(await writePoints(this.dir, name), name, said);
  }

  writePageOf(points, name, said = '') {
    return writePageOf(this.dir, points, name, said);
  }

  // Opens a page from the file system, and waits until it can be used.
  async open(html, options = {}) {
    const url = `file://${html}`;
    const tab = await this.newTab({ offline: true, ...options }, (asked) => asked === url);

    await tab.goto(url);
    await ready(tab);
    return tab;
  }

  // Opens the address that a Web has printed, and waits for the list.
  async enter(web, options = {}) {
    const tab = await this.newTab(options, (asked) => new URL(asked).origin === web.origin);

    await tab.goto(web.address);
    await ready(tab);
    return tab;
  }

  // tab.bad collects errors of scripts, messages, and requests for what is not our own.
  async newTab(options, isOwn) {
    const context = await this.chromium.newContext({
      viewport: { width: 1440, height: 900 }, ...options,
    });
    const tab = await context.newPage();

    tab.bad = [];
    tab.on('pageerror', (error) => tab.bad.push(`error: ${error.message}`));
    tab.on('console', (message) => tab.bad.push(`console: ${message.text()}`));
    tab.on('dialog', (dialog) => tab.bad.push(`dialog: ${dialog.message()}`));
    context.on('page', () => tab.bad.push('a window opened'));
    context.on('request', (request) => {
      if (!isOwn(request.url()))
        tab.bad.push(`request: ${request.url().slice(0, 200)}`);
    });
    return tab;
  }
}

// A page says so when it can be used.
export const ready = (tab) => tab.waitForSelector('html[data-ready]', { state: 'attached' });

export const close = async (tab) => {
  assert.deepEqual(tab.bad, [], 'no error, no message, no request');
  await tab.context().close();
};

// The texts of what can be seen.
export const textsOf = (tab, selector) =>
  tab.locator(`${selector}:visible`).allInnerTexts();

// The lines of the waterfall that can be seen, from top to bottom: "name text".
export const linesOf = (tab) => tab.evaluate(() =>
  [...document.querySelectorAll('.line:not([hidden])')]
    .sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top)
    .map((line) => [...line.querySelectorAll('.fold-count, .name, .text')]
      .map((part) => part.textContent).filter(Boolean).join(' ')));

// After the picture that follows the last change.
export const settled = (tab) => tab.evaluate(() => new Promise((done) => {
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 0)));
}));

export async function click(tab, locator, options) {
  await locator.click(options);
  await settled(tab);
}

export async function press(tab, ...keys) {
  for (const key of keys)
    await tab.keyboard.press(key);
  await settled(tab);
}
