// SPDX-License-Identifier: Apache-2.0
//
// safe.test.mjs
//     Texts that try to be more than texts, and traces that are strange: nothing of
//     them runs, nothing is fetched, and all is shown.

import test from 'node:test';
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser, close, linesOf, settled, textsOf } from './browser.mjs';

// Looks at everything: each line with its details, each view.
async function lookAtAll(tab) {
  await tab.locator('#lines').focus();
  await tab.keyboard.press('Home');
  await tab.keyboard.press('Enter');
  for (let i = 0; i < 40; i++) {
    await tab.keyboard.press('ArrowDown');
    await settled(tab);
  }
  for (const key of ['2', '3', '1'])
    await tab.keyboard.press(key);
  await settled(tab);
}

test('hostile and strange traces', async (t) => {
  const browser = await Browser.start();

  t.after(() => browser.stop());

  await t.test('hostile texts are texts', async () => {
    const tab = await browser.open(await browser.writePage('hostile'));

    await lookAtAll(tab);
    assert.equal(await tab.evaluate(() => globalThis.pwned), undefined, 'nothing ran');
    assert.equal(await tab.evaluate(() => ({}).pwned), undefined, 'no prototype was changed');
    assert.equal(await tab.locator('img, svg, iframe, object, embed, link, a, base, form[action]').count(), 0,
      'no markup came of a text');
    assert.equal(await tab.locator('script').count(), 1, 'the page has its own script only');
    const lines = await linesOf(tab);

    assert.ok(lines.some((line) => line.includes('</script><script>globalThis')), 'it is shown as it is');
    const shown = await tab.locator('body').innerText();

    assert.doesNotMatch(shown, /[\u202a-\u202e\u2066-\u2069\u200b\u2028\u2029\u0000-\u0008]/,
      'nothing turns the text round, or is invisible');
    assert.match(shown, /⟨U\+202E⟩/, 'but has a mark');
    assert.doesNotMatch(shown, /⟨U\+D83D⟩/, 'no character is cut in two');
    await close(tab);
  });

  await t.test('a text of 10 MB is shortened, and can be seen whole', async () => {
    const tab = await browser.open(await browser.writePage('long'));

    await tab.locator('#search').fill('AS long');
    await settled(tab);
    await tab.locator('.line:visible', { hasText: 'xxxx' }).first().locator('.label').click();
    const statement = tab.locator('.statement');

    assert.ok((await statement.innerText()).length < 20000);
    await statement.getByRole('button', { name: 'show all 10,485,782 characters' }).click();
    assert.equal(await statement.evaluate((element) => element.textContent.length),
      10485782 + '⟨U+202E⟩'.length - 1, 'with a mark for what cannot be seen');
    await close(tab);
  });

  await t.test('no pattern stops the page', async () => {
    const tab = await browser.open(await browser.writePage('manyWays'));
    const search = async (pattern) => {
      await tab.locator('#search').fill(`/${pattern}/`);
      await settled(tab);
      return [await tab.locator('.match-count').innerText({ timeout: 5000 }),
        await tab.locator('.mistake').innerText()];
    };

    // For most of these a browser's own search would take years.
    for (const [slow, count] of [['(a+)+$', 0], ['((a|aa))*$', 3], ['(?:a?b?){9,}$', 3], ['(?<x>a*[)])*$', 3],
      ['((a+)b?)+$', 0], ['(.*)*q', 0], ['.*.*.*=.*', 0], ['(a*)*(a*)*(a*)*=', 0], ['(\\w+\\s?)*!', 1]])
      assert.deepEqual(await search(slow), [`${count} of 3 operations`, ''], slow);
    for (const quick of ['(SELECT 2)+', 'S[(+)E]+L(E|x)CT 2', '\\(*SELECT \\d+', '(a+)?SELECT 2'])
      assert.deepEqual(await search(quick), ['1 of 3 operations', ''], quick);
    assert.deepEqual(await textsOf(tab, '.line mark'), ['SELECT 2']);
    const [count, mistake] = await search('(?:a|b)*a(?:a|b){16}c');

    assert.equal(count, '0 of 3 operations');
    assert.match(mistake, /takes too long/);
    assert.equal(await tab.locator('.nothing:visible').count() > 0
      ? await tab.locator('.nothing:visible').innerText() : '', '', 'nobody knows whether nothing matches');
    assert.match((await search('(?=a)'))[1], /^Look-around/);
    assert.deepEqual(await search('SELECT 2'), ['1 of 3 operations', '']);
    await close(tab);
  });

  await t.test('ids of a megabyte are shortened, and make no address', async () => {
    const tab = await browser.open(await browser.writePage('longIds'));

    await tab.locator('#lines').focus();
    for (const key of ['Home', 'Enter', 'ArrowDown', 'ArrowUp']) {
      await tab.keyboard.press(key);
      await settled(tab);
      const shown = await tab.locator('.details').evaluate((element) => element.textContent.length);

      assert.ok(shown < 10000, `${shown} characters after ${key}`);
    }
    assert.match(await tab.locator('.details').innerText(), /show all 1,000,00[26] characters/);
    await tab.waitForTimeout(400);
    assert.ok(tab.url().length < 1000, `an address of ${tab.url().length} characters`);
    await close(tab);
  });

  await t.test('a text of any length can be searched', async () => {
    const tab = await browser.open(await browser.writePage('long'));
    const search = async (text) => {
      await tab.locator('#search').fill(text);
      await settled(tab);
      return tab.locator('.match-count').innerText();
    };

    for (const length of [50000, 1000000]) {
      const text = 'x'.repeat(length);

      assert.match(await search(text), /^[1-9]/, `${length} characters that are there`);
      assert.match(await search(`${text}?`), /^0 of/);
    }
    await close(tab);
  });

  await t.test('what the search finds is what is marked', async () => {
    const tab = await browser.open(await browser.writePage('unbroken'));

    for (const [text, marks] of [['/İX', ['/İx']], ["'..i", ["'..İ"]], ['É', ['é']], ['(.*', []]]) {
      await tab.locator('#search').fill(text);
      await settled(tab);
      assert.deepEqual(await textsOf(tab, '.line mark'), marks, text);
    }
    await close(tab);
  });

  await t.test('rings, orphans, jumping clocks, deep trees', async () => {
    const tab = await browser.open(await browser.writePage('strange'));

    await lookAtAll(tab);
    assert.equal(await tab.locator('.fact.count').innerText(), '306 operations');
    await tab.locator('#search').fill('ring-');
    await settled(tab);
    assert.match(await tab.locator('.line:visible').first().innerText(), /parents form a ring/);
    await tab.locator('#search').fill('without a parent');
    await settled(tab);
    await tab.locator('.line:visible', { hasText: 'orphan' }).locator('.label').click();
    assert.match(await tab.locator('.details').innerText(), /99999999-[\s\S]*not in this trace/);
    await tab.locator('#search').fill('SELECT 1');
    await settled(tab);
    assert.match(await tab.locator('.line:visible', { hasText: 'SELECT 1' }).innerText(),
      /its clock is 3600 s ahead/);
    await tab.locator('#search').fill('level 299');
    await settled(tab);
    assert.equal(await tab.locator('.match-count').innerText(), '1 of 306 operations');
    await close(tab);
  });

  await t.test('one operation', async () => {
    const tab = await browser.open(await browser.writePage('one'));

    assert.deepEqual(await linesOf(tab), ['job alone']);
    assert.match(await tab.locator('.causes').innerText(), /^Nothing stands out/);
    await lookAtAll(tab);
    await close(tab);
  });

  await t.test('no operation', async () => {
    const one = await browser.writePage('one');
    const lost = join(browser.dir, 'lost.points');
    const point = (kind) => JSON.stringify({
      name: `osprofiler.lost-${kind}`, base_id: 'b', trace_id: 'l', parent_id: 'b',
      timestamp: '2026-11-28T10:00:00.000000', info: { lost_points: 3 }, project: null, service: null,
    });

    assert.ok(readFileSync(one).length > 0);
    writeFileSync(lost, `${point('start')}\n`);
    appendFileSync(lost, `${point('stop')}\n`);
    const tab = await browser.open(browser.writePageOf(lost, 'lost'));

    assert.equal(await tab.locator('.nothing:visible').innerText(), 'This trace has no operations.');
    assert.match(await tab.locator('p.notice').innerText(), /3 points of the trace were lost/);
    await lookAtAll(tab);
    await close(tab);
  });

  await t.test('packed data that cannot be read', async () => {
    const html = await browser.writePage('chain-calls-20k');
    const page = readFileSync(html, 'utf8');
    const data = page.indexOf('id="trace">') + 'id="trace">'.length;
    const end = page.indexOf('</script>', data);
    const middle = (data + end) >> 1;
    const other = (letter) => (letter === 'A' ? 'B' : 'A');

    assert.ok(end - data > 100000 && !page.slice(data, end).includes('{'), 'it is packed');
    for (const [why, changed, words, without] of [
      ['a byte is another one', page.slice(0, middle) + other(page[middle]) + page.slice(middle + 1), /damaged/],
      ['the end is missing', page.slice(0, middle & ~3) + page.slice(end), /damaged/],
      ['it is no base64', `${page.slice(0, middle)}!${page.slice(middle)}`, /damaged/],
      ['nothing is there', page.slice(0, data) + page.slice(end), /damaged/],
      ['an old browser', page, /^This trace is so long .* Firefox 120/, true]]) {
      const file = join(browser.dir, 'changed.html');

      writeFileSync(file, changed);
      const tab = await browser.newTab({ offline: true }, (asked) => asked === `file://${file}`);

      if (without)
        await tab.addInitScript(() => { delete globalThis.DecompressionStream; });
      await tab.goto(`file://${file}`);
      await tab.locator('#page .notice[role=alert]').waitFor();
      assert.match(await tab.locator('#page').innerText(), words, why);
      assert.equal(await tab.locator('body :visible:not(#page, #page *)').count(), 0, why);
      assert.deepEqual(tab.bad.filter((text) => !words.test(text.replace(/^error: /, ''))), [], why);
      await tab.context().close();
    }
    const tab = await browser.open(html);

    assert.equal(await tab.locator('.fact.count').innerText(), '20,000 operations');
    await close(tab);
  });

  await t.test('a short page whose end is damaged', async () => {
    const html = await browser.writePage('few');
    const page = readFileSync(html, 'utf8');
    const file = join(browser.dir, 'cut.html');
    const end = page.indexOf('</script>', page.indexOf('id="trace">'));

    assert.ok(page.lastIndexOf('"point_strings"', end) < end - 40, 'what is cut is read last');
    writeFileSync(file, page.slice(0, end - 40) + page.slice(end));
    const tab = await browser.newTab({ offline: true }, (asked) => asked === `file://${file}`);

    await tab.goto(`file://${file}`);
    await tab.locator('#page .notice[role=alert]').waitFor();
    assert.match(await tab.locator('#page').innerText(), /damaged/);
    await tab.context().close();
  });

  await t.test('the policy stops what gets in all the same', async () => {
    const html = await browser.writePage('few');
    const page = readFileSync(html, 'utf8');
    const planted = join(browser.dir, 'planted.html');
    const asked = [];
    const server = createServer((request, response) => {
      asked.push(request.url);
      response.end();
    }).listen(0, '127.0.0.1');

    await once(server, 'listening');
    writeFileSync(planted, page.replace('<div id="page"',
      '<script>globalThis.pwned = 1</script>' +
      `<img src="http://127.0.0.1:${server.address().port}/x.png" onerror="pwned = 1">` +
      '<style>body { display: none }</style><div id="page"'));
    const tab = await browser.open(planted, { offline: false });

    assert.equal(await tab.evaluate(() => globalThis.pwned), undefined);
    assert.ok(await tab.locator('h1').isVisible(), 'a style sheet that is not its own has no effect');
    assert.deepEqual(asked, [], 'nothing is fetched');
    assert.ok(tab.bad.length >= 3, 'the browser says what it refused');
    await tab.evaluate(() => {
      const div = document.createElement('div');

      try {
        div.innerHTML = '<b>';
      } catch {
        return;
      }
      throw new Error('innerHTML works');
    });
    await tab.context().close();
    server.close();
  });
});
