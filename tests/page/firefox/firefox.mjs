// SPDX-License-Identifier: Apache-2.0
//
// firefox.mjs
//     What a person does with the page, in Debian's Firefox: driven by WebDriver BiDi,
//     which puppeteer-core speaks and playwright-core does not. tests/page has all of it,
//     in Chromium; this is what browsers could differ in.

import test from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Web, writePageOf, writePoints } from '../pages.mjs';

const puppeteer = createRequire(process.env.OSP_FIREFOX_MODULES)('puppeteer-core');

const dir = mkdtempSync(join(tmpdir(), 'osprofiler-firefox.'));
const page = async (name) => writePageOf(dir, await writePoints(dir, name), name);
const settled = (tab) => tab.evaluate(() => new Promise((done) => {
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 30)));
}));
const ready = (tab) => tab.waitForSelector('html[data-ready]');
const textOf = (tab, selector) => tab.$eval(selector, (element) => element.innerText);
const textsOf = (tab, selector) => tab.$$eval(selector, (all) =>
  all.filter((element) => element.checkVisibility()).map((element) => element.innerText));
const isShown = (tab, selector) => tab.$eval(selector, (element) => element.checkVisibility());
const wide = (tab) => tab.evaluate(() => document.documentElement.scrollWidth);

async function clickText(tab, selector, text) {
  const found = await tab.evaluateHandle((within, words) =>
    [...document.querySelectorAll(within)].find((element) => element.checkVisibility() &&
      element.textContent.includes(words)), selector, text);

  await found.click();
  await settled(tab);
}

async function press(tab, ...keys) {
  for (const key of keys)
    await tab.keyboard.press(key);
  await settled(tab);
}

async function back(tab) {
  await tab.evaluate(() => new Promise((done) => {
    window.addEventListener('popstate', done, { once: true });
    history.back();
  }));
  await settled(tab);
}

test('the page in Firefox', async (t) => {
  const firefox = await puppeteer.launch({
    browser: 'firefox', executablePath: process.env.FIREFOX || '/usr/bin/firefox-esr', headless: true,
  });

  // tab.bad collects errors, messages, and requests for what is not our own. A data: address
  // is a font of Firefox itself.
  const open = async (address, { width = 1440, height = 900 } = {}) => {
    const tab = await firefox.newPage();
    const own = address.startsWith('file:') ? address : new URL(address).origin;

    tab.bad = [];
    // No page has an icon, and none may load one: Firefox asks for it all the same.
    tab.on('pageerror', ({ message }) => /favicon\.ico/.test(message) || tab.bad.push(`error: ${message}`));
    tab.on('console', (message) => tab.bad.push(`console: ${message.text()}`));
    tab.on('dialog', (dialog) => tab.bad.push(`dialog: ${dialog.message()}`));
    tab.on('request', (request) => {
      if (!request.url().startsWith(own) && !request.url().startsWith('data:'))
        tab.bad.push(`request: ${request.url().slice(0, 200)}`);
    });
    await tab.setViewport({ width, height });
    await tab.goto(address);
    await ready(tab);
    return tab;
  };
  const close = async (tab) => {
    assert.deepEqual(tab.bad, [], 'no error, no message, no request');
    await tab.close();
  };

  t.after(async () => {
    await firefox.close();
    rmSync(dir, { recursive: true });
  });

  await t.test('a finding leads to its statement and plan, Back from there', async () => {
    const tab = await open(`file://${await page('slow')}`);

    assert.equal(await tab.title(), 'wsgi POST /reports/monthly · 1.84 s · OSProfiler');
    await clickText(tab, '.cause-title', 'Seq Scan on orders');
    assert.match(await textOf(tab, '.line.selected'), /Seq Scan on orders o/);
    assert.match(await textOf(tab, '.details'), /321 times more/);
    await clickText(tab, '.line .label', 'UPDATE stock');
    assert.match(await textOf(tab, '.statement'), /^UPDATE stock/);
    await back(tab);
    assert.match(await textOf(tab, '.line.selected'), /Seq Scan on orders o/);
    await back(tab);
    assert.equal(await isShown(tab, '.details'), false);
    await close(tab);
  });

  await t.test('search, views and zoom by keyboard, light and dark', async () => {
    const tab = await open(`file://${join(dir, 'slow.html')}`);
    const background = () => tab.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const before = await background();

    await press(tab, '/');
    await tab.keyboard.type('/item = 10(0[0-4])\\b/');
    await settled(tab);
    assert.equal(await textOf(tab, '.match-count'), '10 of 400 operations');
    await press(tab, 'Escape', 'Escape', 'End', 'f');
    assert.match(await textOf(tab, '.line.selected'), /pg\.commit/);
    assert.ok(await tab.$eval('.minimap-window', (box) => parseFloat(box.style.left)) > 90, 'zoomed to it');
    await press(tab, '0', 'Home', 'ArrowLeft');
    assert.equal((await textsOf(tab, '.line')).length, 1, 'folded');
    await press(tab, '2');
    assert.equal((await textsOf(tab, 'tbody tr')).length, 7);
    await press(tab, '3');
    assert.ok((await textsOf(tab, '.block')).some((text) => /^190 × db/.test(text)));
    await press(tab, 't');
    assert.notEqual(await background(), before);
    const colors = await tab.evaluate(() => {
      const canvas = document.querySelector('.minimap canvas');

      return new Set(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data).size;
    });

    assert.ok(colors > 5, 'the minimap has colours');
    await close(tab);
  });

  for (const [width, height] of [[1024, 768], [390, 780]])
    await t.test(`at ${width} pixels`, async () => {
      const tab = await open(`file://${join(dir, 'slow.html')}`, { width, height });

      await clickText(tab, '.line .label', 'SELECT o.id');
      assert.ok(await wide(tab) <= width, 'nothing stands out to the side');
      await close(tab);
    });

  await t.test('hostile traces run nothing', async () => {
    const tab = await open(`file://${await page('hostile')}`);
    const { length } = await tab.$$('.line');

    for (let line = 0; line < Math.min(length, 30); line++)
      await press(tab, 'ArrowDown', 'Enter');
    await press(tab, '2', '3', 'Escape');
    assert.equal(await tab.evaluate(() => globalThis.pwned), undefined);
    assert.equal((await tab.$$('script, img, svg, iframe')).length, 1, 'no markup came of a text');
    await close(tab);
  });

  await t.test('the list of traces, one of them, and Back', async () => {
    const web = await Web.start(`file://${await writePoints(dir, 'list')}`);
    const tab = await open(web.address);

    await tab.waitForSelector('.traces tbody tr');
    assert.equal((await tab.$$('.traces tbody tr')).length, 100);
    await press(tab, 'e');
    await tab.waitForSelector('body:not([aria-busy])');
    const failed = (await tab.$$('.traces tbody tr')).length;

    assert.ok(failed < 100);
    await tab.click('.traces tbody a');
    await tab.waitForSelector('.way-back');
    await ready(tab);
    await tab.goBack();
    await tab.waitForSelector('.traces tbody tr');
    assert.equal((await tab.$$('.traces tbody tr')).length, failed, 'the list as it was');
    await close(tab);
    await web.stop();
  });
});
