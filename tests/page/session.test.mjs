// SPDX-License-Identifier: Apache-2.0
//
// session.test.mjs
//     What somebody who sees the page for the first time tries on a session of 550 operations:
//     statements in a loop, and a slow one whose plan was wrong.

import test from 'node:test';
import assert from 'node:assert/strict';
import { Browser, close, linesOf, settled, textsOf } from './browser.mjs';

const lineOf = (tab, text) => tab.locator('.line:visible', { hasText: text }).first();

async function click(tab, locator, options) {
  await locator.click(options);
  await settled(tab);
}

async function press(tab, ...keys) {
  for (const key of keys)
    await tab.keyboard.press(key);
  await settled(tab);
}

test('the page of a session', async (t) => {
  const browser = await Browser.start();

  t.after(() => browser.stop());
  const html = await browser.writePage('baskets');

  await t.test('a finding has the operations that it names, and no others', async () => {
    const tab = await browser.open(html);

    assert.deepEqual((await textsOf(tab, '.cause-links button')).filter((text) => /only/.test(text)),
      ['Show only its 4 operations', ...Array(3).fill('Show only its 180 operations')],
      '60 calls with statement and planning');
    await click(tab, lineOf(tab, 'pg.commit').locator('.label'));
    assert.equal(await tab.locator('.cause-note').count(), 0, 'a COMMIT is no statement of the loop');
    await press(tab, 'Escape');
    await click(tab, tab.getByText('Show only its 4 operations'));
    assert.deepEqual((await linesOf(tab)).slice(3), ['pg.node Nested Loop',
      'pg.node Bitmap Heap Scan on customer a', 'pg.node Materialize',
      'pg.node Bitmap Heap Scan on customer b'], 'with the node that was estimated wrongly');
    await close(tab);
  });
});
