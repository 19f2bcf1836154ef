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
});
