// SPDX-License-Identifier: Apache-2.0
//
// access.test.mjs
//     What axe finds in the page: all views, with and without details, in both themes. No
//     violation is allowed, of any weight.

import test from 'node:test';
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { Browser, close, ready, settled } from './browser.mjs';
import { Web, writePoints } from './pages.mjs';

const axe = readFileSync(
  createRequire(process.env.OSP_MODULES).resolve('axe-core/axe.min.js'), 'utf8');

const violationsOf = (tab) => tab.evaluate(async () => {
  const { violations } = await globalThis.axe.run(document, { resultTypes: ['violations'] });

  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ target, any }) => `${id}: ${target.join(' ')}: ${any[0]?.message ?? ''}`));
});

// What a person opens, one after the other.
const STEPS = [
  ['the waterfall', []], ['its details', ['ArrowDown', 'Enter']], ['deeper ones', ['End']],
  ['the statements', ['2']], ['the flame', ['3']], ['all of it without details', ['Escape']],
  ['a search', ['1', '/', 'S', 'E', 'L']], ['the keys', ['Escape', '?']],
];

// What a person does in the list: the same, and two traces side by side.
const LIST_STEPS = [
  ['the list', []], ['its first trace', ['ArrowDown']], ['a mark', ['c']], ['two marks', ['ArrowDown', 'c']],
  ['the keys', ['?']], ['errors only', ['Escape', 'e']],
];

test('accessibility', async (t) => {
  const browser = await Browser.start();

  t.after(() => browser.stop());
  for (const name of ['slow', 'broken', 'counted'])
    for (const colorScheme of ['light', 'dark'])
      await t.test(`${name}, ${colorScheme}`, async () => {
        const html = await browser.writePage(name);
        const tab = await browser.newTab({ offline: true, colorScheme, bypassCSP: true },
          (asked) => asked === `file://${html}`);

        await tab.goto(`file://${html}`);
        await ready(tab);
        await tab.evaluate(axe);
        for (const [what, keys] of STEPS) {
          for (const key of keys)
            await tab.keyboard.press(key);
          await settled(tab);
          assert.deepEqual(await violationsOf(tab), [], what);
        }
        await close(tab);
      });

  const web = await Web.start(`file://${await writePoints(browser.dir, 'list')}`);

  t.after(() => web.stop());
  const inList = async (colorScheme) => {
    const tab = await browser.enter(web, { colorScheme, bypassCSP: true });

    await tab.waitForSelector('.traces tbody tr');
    return tab;
  };

  for (const colorScheme of ['light', 'dark']) {
    await t.test(`the list, ${colorScheme}`, async () => {
      const tab = await inList(colorScheme);

      await tab.evaluate(axe);
      for (const [what, keys] of LIST_STEPS) {
        for (const key of keys)
          await tab.keyboard.press(key);
        await tab.waitForSelector('body:not([aria-busy])');
        await settled(tab);
        assert.deepEqual(await violationsOf(tab), [], what);
      }
      await close(tab);
    });

    await t.test(`a search without a result, ${colorScheme}`, async () => {
      const tab = await inList(colorScheme);

      await tab.locator('#search').fill('nothing is called like this');
      await tab.waitForSelector('.nothing:not([hidden])');
      await tab.evaluate(axe);
      assert.deepEqual(await violationsOf(tab), []);
      await close(tab);
    });

    await t.test(`two traces, and one that is not there, ${colorScheme}`, async () => {
      const tab = await inList(colorScheme);
      const { href } = new URL('./', tab.url());
      const id = (n) => `00000${n}-1111-4222-8333-444455556666`;

      for (const address of [`compare?a=${id(250)}&b=${id(248)}`, 'trace?id=nowhere']) {
        await tab.goto(href + address);
        await ready(tab);
        await tab.evaluate(axe);
        assert.deepEqual(await violationsOf(tab), [], address);
      }
      tab.bad = tab.bad.filter((text) => !/status of 404/.test(text));
      await close(tab);
    });
  }
});
