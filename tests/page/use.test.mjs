// SPDX-License-Identifier: Apache-2.0
//
// use.test.mjs
//     What a person does with the page: by mouse, by keyboard, on a telephone.

import test from 'node:test';
import assert from 'node:assert/strict';
import { Browser, close, linesOf, settled, textsOf } from './browser.mjs';

const filterCount = (tab) => tab.locator('.match-count').innerText();
const shownTime = (tab) => tab.evaluate(() => {
  const { left, right } = document.querySelector('.minimap-window').style;

  return [parseFloat(left), 100 - parseFloat(right)];
});
const selected = (tab) => tab.locator('.line.selected .label').innerText();

async function clickLine(tab, text) {
  await tab.locator('.line:visible', { hasText: text }).first().locator('.label').click();
  await settled(tab);
}

async function press(tab, ...keys) {
  for (const key of keys)
    await tab.keyboard.press(key);
  await settled(tab);
}

test('using the page', async (t) => {
  const browser = await Browser.start();

  t.after(() => browser.stop());
  const few = await browser.writePage('few');
  const slow = await browser.writePage('slow');
  const broken = await browser.writePage('broken');

  await t.test('the head says what the trace is', async () => {
    const tab = await browser.open(few);

    assert.equal(await tab.title(), 'wsgi GET /orders?page=2 · 12.3 ms · OSProfiler');
    assert.equal(await tab.locator('.head-total').innerText(), '12.3 ms');
    assert.deepEqual(await textsOf(tab, '.fact'), ['4 operations']);
    assert.match(await tab.locator('.meta').innerText(), /shop@web1\s+2026-11-28 09:30:12\.000 UTC/);
    assert.deepEqual(await linesOf(tab), [
      'wsgi GET /orders?page=2',
      'db SELECT id, total FROM orders WHERE customer = 7 ORDER BY id DESC',
      'pg SELECT id, total FROM orders WHERE customer = 7 ORDER BY id DESC',
      'render orders.html',
    ]);
    assert.deepEqual(await textsOf(tab, '.duration'), ['12.3 ms', '7.40 ms', '7.28 ms', '3.30 ms']);
    await close(tab);
  });

  await t.test('findings lead to their operations', async () => {
    const tab = await browser.open(slow);
    const causes = await textsOf(tab, '.cause h3');

    assert.equal(causes.length, 4);
    assert.match(causes[0], /^The same statement ran 190 times/);
    assert.match(causes[1], /^A statement waited 484 ms for a lock/);
    await tab.locator('.cause').nth(1).getByText('Go to the operation').click();
    await settled(tab);
    assert.match(await selected(tab), /pg\.wait/);
    assert.ok(await tab.locator('.line.selected').isVisible());
    const box = await tab.locator('.line.selected').boundingBox();

    assert.ok(box.y > 0 && box.y < 860, `scrolled to it: ${box.y}`);
    assert.match(await tab.locator('.details').innerText(), /lock wait[\s\S]*held_by/);
    await tab.locator('.cause').nth(0).getByText(/Show only its/).click();
    await settled(tab);
    assert.match(await filterCount(tab), /^38\d of 400 operations$/);
    await tab.getByRole('button', { name: 'Clear' }).click();
    await settled(tab);
    assert.equal(await filterCount(tab), '');
    await close(tab);
  });

  await t.test('what was not measured has no time, what is not explained a name', async () => {
    const tab = await browser.open(await browser.writePage('counted'));

    assert.equal((await linesOf(tab)).length, 4);
    assert.deepEqual((await textsOf(tab, '.duration')).filter(Boolean), ['2.00 s', '5.00 s']);
    assert.ok((await textsOf(tab, '.tag.mark')).includes('kept 0 of 500000'));
    await clickLine(tab, 'Seq Scan on t');
    assert.match(await tab.locator('.details').innerText(), /Took\s+not measured/);
    await tab.locator('.details .close').click();
    assert.match(await tab.locator('.causes').innerText(),
      /Not explained, above all:[\s\S]*71 %[\s\S]*SELECT busy\(\): nothing in the trace says why/);
    await tab.locator('.cause').getByText('SELECT busy()').click();
    await settled(tab);
    assert.match(await selected(tab), /SELECT busy/);
    await close(tab);
  });

  await t.test('details show statement, points and plan', async () => {
    const tab = await browser.open(slow);

    await clickLine(tab, 'SELECT o.id');
    await press(tab, 'ArrowDown');
    const details = tab.locator('.details');

    assert.match(await details.locator('.statement').innerText(),
      /^SELECT o\.id[^\n]*\n {2}FROM orders o\n/);
    assert.ok((await details.locator('.sql-keyword').allInnerTexts()).includes('SELECT'));
    assert.equal(await details.locator('.sql-comment').innerText(), '-- the monthly list');
    assert.equal(await details.locator('.sql-string').first().innerText(), "'open'");
    assert.match(await details.innerText(), /queryid\s+-6423423423423423421/);
    assert.deepEqual(await details.locator('.plan-name').allInnerTexts(), [
      'Sort', 'Nested Loop', 'Seq Scan on orders o', 'Index Scan using customer_pkey on customer c']);
    const scan = await details.locator('.plan-node').nth(2).innerText();

    assert.match(scan, /391 ms\s*63 %/);
    assert.match(scan, /12,840 rows\s+expected 40\s+321 times more/);
    assert.match(scan, /filter removed 1,987,160 rows/);
    await details.locator('.plan-name').nth(2).click();
    await settled(tab);
    assert.match(await selected(tab), /Seq Scan on orders o/);
    await tab.locator('.details .close').click();
    assert.ok(await details.isHidden());
    await close(tab);
  });

  await t.test('the notification can be copied', async () => {
    const tab = await browser.open(slow, { permissions: ['clipboard-read', 'clipboard-write'] });

    await clickLine(tab, 'wsgi');
    await tab.getByText('Copy JSON').first().click();
    const copied = JSON.parse(await tab.evaluate(() => navigator.clipboard.readText()));

    assert.equal(copied.name, 'wsgi-start');
    assert.equal(copied.timestamp, '2026-11-28T09:30:12.000000');
    assert.deepEqual(copied.info.request, { method: 'POST', path: '/reports/monthly', query: '' });
    await close(tab);
  });

  await t.test('repeated statements are one line, that opens', async () => {
    const tab = await browser.open(slow);
    const fold = tab.locator('.line:visible', { hasText: '190 ×' });

    assert.match(await fold.innerText(), /db[\s\S]*SELECT price[\s\S]*median/);
    assert.equal((await linesOf(tab)).filter((line) => /price WHERE/.test(line)).length, 1);
    await fold.locator('.twisty').click();
    await settled(tab);
    await tab.mouse.wheel(0, 900);
    await settled(tab);
    assert.ok((await linesOf(tab)).filter((line) => /price WHERE/.test(line)).length > 20);
    await press(tab, 'g');
    assert.equal(await tab.locator('.fold-count:not(:empty):visible').count(), 0);
    await close(tab);
  });

  await t.test('search, by text and by regular expression', async () => {
    const tab = await browser.open(slow);

    await press(tab, '/');
    await tab.keyboard.type('UPDATE STOCK');
    await settled(tab);
    assert.equal(await filterCount(tab), '2 of 400 operations');
    assert.deepEqual(await linesOf(tab), ['wsgi POST /reports/monthly',
      'db UPDATE stock SET reserved = reserved + 1 WHERE item = 4711',
      'pg UPDATE stock SET reserved = reserved + 1 WHERE item = 4711']);
    assert.equal(await tab.locator('.line.context:visible').count(), 1, 'what they are part of is dim');
    await tab.locator('#search').fill('/item = 10(0[0-4])\\b/');
    await settled(tab);
    assert.equal(await filterCount(tab), '10 of 400 operations');
    await press(tab, 'Enter', 'Enter');
    assert.match(await selected(tab), /item = 1000/);
    await tab.locator('#search').fill('/(/');
    await settled(tab);
    assert.equal(await filterCount(tab), '0 of 400 operations');
    assert.ok(await tab.locator('#search.wrong').isVisible(), 'a wrong expression is marked');
    await close(tab);
  });

  await t.test('filters: errors, kind, service, duration', async () => {
    const tab = await browser.open(slow);

    await tab.getByRole('button', { name: 'Errors' }).click();
    await settled(tab);
    assert.equal(await filterCount(tab), '1 of 400 operations');
    assert.match((await linesOf(tab))[1], /INSERT INTO invoice/);
    await press(tab, 'e');
    await tab.getByLabel('All kinds').selectOption({ label: 'lock wait (1)' });
    await settled(tab);
    assert.equal(await filterCount(tab), '1 of 400 operations');
    await tab.getByLabel('All kinds').selectOption('-1');
    await tab.getByLabel('All services').selectOption({ label: 'database (202)' });
    await tab.getByLabel(/Minimum duration/).fill('400 ms');
    await settled(tab);
    assert.equal(await filterCount(tab), '5 of 400 operations');
    await press(tab, 'Escape', 'Escape');
    assert.equal(await filterCount(tab), '');
    await close(tab);
  });

  await t.test('zoom and pan by mouse', async () => {
    const tab = await browser.open(slow);
    const map = await tab.locator('.minimap').boundingBox();
    const middle = map.y + map.height / 2;

    await tab.mouse.move(map.x + map.width * 0.25, middle);
    await tab.mouse.down();
    await tab.mouse.move(map.x + map.width * 0.75, middle, { steps: 4 });
    await tab.mouse.up();
    await settled(tab);
    let [from, to] = await shownTime(tab);

    assert.ok(Math.abs(from - 25) < 1 && Math.abs(to - 75) < 1, `${from} to ${to}`);
    await tab.mouse.move(map.x + map.width * 0.5, middle);
    await tab.mouse.down();
    await tab.mouse.move(map.x + map.width * 0.6, middle, { steps: 4 });
    await tab.mouse.up();
    await settled(tab);
    [from, to] = await shownTime(tab);
    assert.ok(Math.abs(from - 35) < 1 && Math.abs(to - 85) < 1, `moved: ${from} to ${to}`);
    const bar = await tab.locator('.line:visible .track').first().boundingBox();

    await tab.mouse.move(bar.x + bar.width / 2, bar.y + 10);
    await tab.keyboard.down('Control');
    await tab.mouse.wheel(0, -120);
    await tab.keyboard.up('Control');
    await settled(tab);
    const [nearer, upTo] = await shownTime(tab);

    assert.ok(upTo - nearer < 45, 'the wheel zooms');
    await tab.mouse.move(bar.x + bar.width / 2, bar.y + 10);
    await tab.mouse.down();
    await tab.mouse.move(bar.x + bar.width / 2 - 100, bar.y + 10, { steps: 4 });
    await tab.mouse.up();
    await settled(tab);
    assert.ok((await shownTime(tab))[0] > nearer, 'dragging moves in time');
    await tab.getByRole('button', { name: 'All', exact: true }).click();
    await settled(tab);
    assert.deepEqual(await shownTime(tab), [0, 100]);
    await close(tab);
  });

  await t.test('everything by keyboard', async () => {
    const tab = await browser.open(slow);

    await press(tab, 'ArrowDown', 'ArrowDown');
    assert.match(await selected(tab), /db[\s\S]*BEGIN/);
    assert.equal(await tab.locator('.details:visible').count(), 0);
    await press(tab, 'Enter');
    assert.ok(await tab.locator('.details').isVisible());
    await press(tab, 'ArrowLeft', 'ArrowLeft');
    assert.match(await selected(tab), /wsgi/);
    await press(tab, 'ArrowLeft');
    assert.deepEqual(await linesOf(tab), ['wsgi POST /reports/monthly'], 'folded');
    assert.equal(await tab.locator('.line:visible').getAttribute('aria-expanded'), 'false');
    await press(tab, 'ArrowRight', 'End');
    assert.match(await selected(tab), /pg\.commit/);
    await press(tab, 'f');
    const [from, to] = await shownTime(tab);

    assert.ok(from > 90 && to - from < 5, `zoomed to it: ${from} to ${to}`);
    await press(tab, 'Shift+ArrowLeft');
    assert.ok((await shownTime(tab))[0] < from, 'earlier');
    await press(tab, '0', '+');
    assert.deepEqual(await shownTime(tab), [25, 75]);
    await press(tab, 'Escape');
    assert.equal(await tab.locator('.details:visible').count(), 0);
    await press(tab, '?');
    assert.match(await tab.locator('dialog').innerText(), /zoom to the operation/);
    await press(tab, 'Escape');
    await press(tab, '2');
    assert.ok(await tab.locator('table').isVisible());
    await press(tab, '3');
    assert.ok(await tab.locator('.flame').isVisible());
    await press(tab, '1', 'a');
    assert.equal((await linesOf(tab)).length, 21, 'all unfolded, for something was folded');
    await press(tab, 'a');
    assert.equal((await linesOf(tab)).length, 1, 'all folded');

    // With Tab one comes to every control, and sees where one is.
    await tab.evaluate(() => document.activeElement.blur());
    const reached = [];

    for (let i = 0; i < 40; i++) {
      await tab.keyboard.press('Tab');
      reached.push(await tab.evaluate(() => {
        const { activeElement: active } = document;

        return `${active.id || active.className || active.tagName} ` +
          `${getComputedStyle(active).outlineStyle}`;
      }));
    }
    for (const wanted of ['cause-title solid', 'tab-waterfall solid', 'search solid', 'lines solid'])
      assert.ok(reached.includes(wanted), `${wanted} in ${reached}`);
    await close(tab);
  });

  await t.test('statements by shape', async () => {
    const tab = await browser.open(slow);

    await tab.getByRole('tab', { name: 'Statements' }).click();
    const rows = tab.locator('tbody tr');

    assert.match(await rows.nth(0).innerText(), /SELECT o\.id/);
    await tab.getByRole('button', { name: 'Count', exact: true }).click();
    assert.match((await rows.nth(0).innerText()).replace(/\s+/g, ' '),
      /SELECT price, currency FROM price WHERE item = 1000 AND valid 190 3\d\d ms/);
    assert.equal(await tab.locator('th[aria-sort="descending"]').innerText(), 'Count▾');
    await tab.getByRole('button', { name: 'Count', exact: true }).click();
    assert.doesNotMatch(await rows.nth(0).innerText(), /190/);
    await tab.getByRole('button', { name: 'Count', exact: true }).click();
    await rows.nth(0).getByRole('button').click();
    await settled(tab);
    assert.ok(await tab.locator('#lines').isVisible());
    assert.equal(await filterCount(tab), '190 of 400 operations');
    await close(tab);
  });

  await t.test('the flame', async () => {
    const tab = await browser.open(slow);

    await tab.getByRole('tab', { name: 'Flame' }).click();
    const blocks = await textsOf(tab, '.block');

    assert.equal(blocks[0], 'wsgi POST /reports/monthly');
    assert.equal(blocks.filter((text) => /^190 × db SELECT price/.test(text)).length, 1, '190 are one');
    const widths = await tab.locator('.block').evaluateAll((all) =>
      all.map((block) => block.getBoundingClientRect().right));

    assert.ok(Math.max(...widths) <= widths[0] + 1, 'none is wider than its caller');
    await tab.locator('.block', { hasText: 'pg.wait' }).click();
    assert.equal((await textsOf(tab, '.block')).length, 1);
    assert.match(await tab.locator('.flame-info').innerText(), /484 ms, 26 %/);
    await press(tab, 'Escape');
    assert.ok((await textsOf(tab, '.block')).length > 1);
    await close(tab);
  });

  await t.test('lost, running, interrupted and failed differ', async () => {
    const tab = await browser.open(broken);

    assert.deepEqual(await textsOf(tab, '.fact'), ['8 operations', '1 failed', '3 unfinished',
      '1 interrupted', '1 without end', '1 without start', '12 points lost']);
    assert.match(await tab.locator('p.notice').innerText(), /^12 points of the trace were lost/);
    const looks = await tab.locator('.bar:visible').evaluateAll((bars) => bars.map((bar) => {
      const { backgroundImage, borderTopStyle, borderRightStyle, boxShadow } = getComputedStyle(bar);

      return [backgroundImage.slice(0, 12), borderTopStyle, borderRightStyle, boxShadow !== 'none'].join();
    }));

    // wsgi unfinished, count(*) interrupted, REFRESH end lost, cache start lost, DELETE failed
    assert.equal(new Set([0, 3, 5, 6, 7].map((line) => looks[line])).size, 5, looks.join('; '));
    await close(tab);
  });

  await t.test('light and dark', async () => {
    const colors = (tab) => tab.evaluate(() => {
      const { backgroundColor, color } = getComputedStyle(document.body);

      return [backgroundColor, color].map((text) =>
        text.match(/\d+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0));
    });
    const dark = await browser.open(few, { colorScheme: 'dark' });
    const light = await browser.open(few, { colorScheme: 'light' });
    const [night, ink] = await colors(dark);
    const [day, black] = await colors(light);

    assert.ok(night < 150 && ink > 600 && day > 700 && black < 150);
    await press(dark, 't');
    assert.deepEqual(await colors(dark), [day, black], 'the switch');
    await close(dark);
    await close(light);
  });

  for (const [width, height] of [[1024, 768], [375, 740]])
    await t.test(`at ${width} pixels`, async () => {
      const tab = await browser.open(slow, { viewport: { width, height }, hasTouch: width < 500 });

      const wide = () => tab.evaluate(() => document.documentElement.scrollWidth);

      assert.ok(await wide() <= width, 'nothing stands out to the side');
      await clickLine(tab, 'SELECT o.id');
      assert.ok(await wide() <= width);
      const box = await tab.locator('.details').boundingBox();

      assert.ok(box.x >= 0 && box.x + box.width <= width + 1 && box.width > 300);
      const bars = await tab.locator('.line:visible .bar').first().boundingBox();

      assert.ok(bars.width > 250, `room for bars: ${bars.width}`);
      await close(tab);
    });
});
