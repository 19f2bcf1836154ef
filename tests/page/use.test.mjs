// SPDX-License-Identifier: Apache-2.0
//
// use.test.mjs
//     What a person does with the page: by mouse, by keyboard, on a telephone.

import test from 'node:test';
import assert from 'node:assert/strict';
import { Browser, close, linesOf, press, ready, settled, textsOf } from './browser.mjs';

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

const focusText = (tab) => tab.evaluate(() => document.activeElement.textContent);

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
    assert.match(causes[2], /^The same statement ran 190 times, which took 5\d\d ms with the pauses between them:/);
    assert.match(causes[3], /^A statement waited 484 ms for a lock/);
    await tab.locator('.cause').nth(3).getByText('Go to the operation').click();
    await settled(tab);
    assert.match(await selected(tab), /pg\.wait/);
    assert.ok(await tab.locator('.line.selected').isVisible());
    await tab.locator('.cause').nth(2).getByText('Go to the operation').click();
    await settled(tab);
    assert.match(await selected(tab), /190 ×/, 'of a group the group');
    await tab.locator('.cause').nth(3).getByText('Go to the operation').click();
    await settled(tab);
    const box = await tab.locator('.line.selected').boundingBox();

    assert.ok(box.y > 0 && box.y < 860, `scrolled to it: ${box.y}`);
    assert.match(await tab.locator('.details').innerText(), /lock wait[\s\S]*held_by/);
    await tab.locator('.cause').nth(2).getByText(/Show only its/).click();
    await settled(tab);
    assert.match(await filterCount(tab), /^38\d of 400 operations$/);
    await tab.getByRole('button', { name: 'Clear' }).click();
    await settled(tab);
    assert.equal(await filterCount(tab), '');
    await close(tab);
  });

  await t.test('of 1,000 operations, a click on a finding shows the statement, its plan and the cause', async () => {
    const tab = await browser.open(await browser.writePage('thousand'));

    assert.equal(await tab.locator('.fact.count').innerText(), '1,000 operations');
    await tab.locator('.cause-title', { hasText: /^Seq Scan on orders/ }).click();
    await settled(tab);
    const details = await tab.locator('.details').innerText();

    assert.match(details, /kept 12,840 by the filter[\s\S]*Next No index was used/);
    assert.match(details, /Statement\s+Copy\s+SELECT o\.id[\s\S]*FROM orders o/, 'the statement');
    assert.match(await tab.locator('.plan-node.selected').innerText(), /Seq Scan on orders o\s+391 ms\s*63 %/);
    await close(tab);
  });

  await t.test('causes of one statement are one card, which names it once', async () => {
    const tab = await browser.open(slow);
    const card = tab.locator('.card').nth(0);

    assert.equal(await tab.locator('.card').count(), 3, 'the largest sum first');
    assert.match(await card.locator('.card-head').innerText(), /^SELECT o\.id, o\.created[\s\S]*33 % together, 604 ms$/);
    assert.deepEqual(await card.locator('.cause-share b').allInnerTexts(), ['21 %', '12 %'], 'the greatest share first');
    assert.deepEqual(await card.locator('.evidence').allInnerTexts(), ['213 ms in the nested loop'],
      'without the statement, and without the time alone');
    assert.deepEqual(await card.locator('.plan-names').allInnerTexts(),
      ['Seq Scan on orders o', 'Nested Loop with Index Scan using customer_pkey on customer c'], 'the same node once');
    assert.equal(await tab.locator('.card').nth(1).locator('.evidence').innerText(),
      '354 ms in the server, 22.8 ms in the client and on the way, 183 ms between them');
    assert.match(await tab.locator('.card').nth(1).innerText(), /^190 ×\s*SELECT price, currency FROM price WHERE item = \? AND valid\s+30 %/);
    assert.match(await tab.locator('.card').nth(2).locator('.evidence').innerText(), /^the holder: UPDATE stock/);
    await card.locator('.card-statement').click();
    await settled(tab);
    assert.match(await selected(tab), /pg[\s\S]*SELECT o\.id/);
    await close(tab);

    const other = await browser.open(await browser.writePage('crowded'));

    assert.equal(await other.locator('.card').count(), 1, 'also a cause that a few others share');
    assert.deepEqual((await textsOf(other, '.cause h3')).map((text) => text.slice(0, 18)),
      ['The server was rea', 'Seq Scan on orders']);
    assert.match(await other.locator('.evidence').nth(0).innerText(),
      /^406 ms of CPU time in 838 ms, preempted 450 times \(93 % of it in this statement\)$/);
    assert.match(await other.locator('.card .plan-line').innerText(), /^Seq Scan on orders/);
    await close(other);
  });

  await t.test('a cause in a plan shows the node to blame, and leads to it', async () => {
    for (const width of [1440, 1000, 375]) {
      const tab = await browser.open(await browser.writePage('thousand'), { viewport: { width, height: 760 } });
      const line = tab.locator('.plan-line').nth(0);

      assert.equal((await line.innerText()).replace(/\s+/g, ' '),
        'Seq Scan on orders o 391 ms63 % of the statement 12,840 rows expected 40 321 times more ' +
        'filter removed 1,987,160 rows Filter (o.status = ?) AND (o.region = ?)');
      await line.click();
      await settled(tab);
      assert.match(await selected(tab), /Seq Scan on orders o/);
      const panel = await tab.locator('.details').boundingBox();
      const node = await tab.locator('.plan-node.selected').boundingBox();

      assert.match(await tab.locator('.plan-node.selected').innerText(), /^Seq Scan on orders o/);
      assert.ok(node.y > panel.y + 40 && node.y + node.height < panel.y + panel.height + 1,
        `${width}: at ${node.y} to ${node.y + node.height} in ${panel.y} to ${panel.y + panel.height}`);
      await press(tab, 'Escape');
      await line.focus();
      await press(tab, 'Enter');
      assert.match(await tab.locator('.plan-node.selected').innerText(), /^Seq Scan on orders o/, 'again, by keyboard');
      await close(tab);
    }
  });

  await t.test('the operations of a finding keep their plans', async () => {
    const tab = await browser.open(await browser.writePage('crowded'));

    await tab.getByText('Show only its 5 operations').click();
    await settled(tab);
    assert.equal(await filterCount(tab), '5 of 13 operations');
    const nodes = tab.locator('.line:visible', { hasText: 'pg.node' });

    assert.deepEqual((await linesOf(tab)).filter((text) => text.startsWith('pg.node')),
      ['pg.node Limit', 'pg.node Seq Scan on orders']);
    assert.equal(await nodes.and(tab.locator('.context')).count(), 0, 'which are not dim');
    await tab.getByLabel('All kinds').selectOption({ label: 'statement (5)' });
    await settled(tab);
    assert.equal(await nodes.count(), 0, 'unless something else is asked for, too');
    await close(tab);
  });

  await t.test('points with the ids of others are said to be', async () => {
    const words = '4 points have the ids of other points: of each operation the last ones count; ' +
      "see 'osprofiler trace check'";
    const tab = await browser.open(await browser.writePage('repeated', `osprofiler: trace show: ${words}\n`));

    assert.deepEqual(await textsOf(tab, '.fact'), ['1 operation', '4 points with the ids of others, not shown']);
    assert.equal(await tab.locator('p.notice').innerText(), `${words}.`);
    await close(tab);
  });

  await t.test('a statement of client and server is one row', async () => {
    const tab = await browser.open(slow);
    const cells = async (text) => (await tab.locator('tbody tr', { hasText: text }).locator('th, td').allInnerTexts())
      .map((cell) => cell.replace(/\s+/g, ' '));

    await tab.getByRole('tab', { name: 'Statements' }).click();
    assert.deepEqual((await tab.locator('thead th').allInnerTexts()).map((text) => text.replace(/[▾▴\s]+$/, '')),
      ['Statement', 'Count', 'Failed', 'Total', 'Self time', 'In the server', 'Max', 'Share of the trace']);
    const [name, count, failed, total, self, served] = await cells('SELECT price');

    assert.match(name, /^db \+ pg SELECT price/);
    assert.deepEqual([count, failed], ['190', ''], 'counted once');
    const ms = (text) => parseFloat(text);

    assert.ok(ms(total) >= ms(self) && ms(self) > ms(served) && ms(served) > 0, [total, self, served].join());
    assert.ok(Math.abs(ms(self) - ms(served) - 22.8) <= 1, 'the rest is that of the client');
    assert.deepEqual((await cells('SELECT o.id')).slice(3, 6), ['623 ms', '622 ms', '623 ms'], 'with planning');
    assert.deepEqual((await cells('INSERT INTO invoice')).slice(0, 6),
      ["db INSERT INTO invoice (number, customer, total) VALUES ('2026-11-0042', 7, 129.50)", '1', '1', '4.20 ms', '4.20 ms', '']);
    assert.equal((await textsOf(tab, 'tbody tr')).length, 7);
    await tab.locator('tbody tr', { hasText: 'SELECT price' }).getByRole('button').click();
    await settled(tab);
    assert.equal(/In the server\s+(\d+ ms)/.exec(await tab.locator('.details').innerText())[1], served, 'table and details mean the same');
    await tab.locator('.details .facts-table button').click();
    await settled(tab);
    await tab.locator('.details').getByText('pg SELECT price').click();
    await settled(tab);
    assert.match(await tab.locator('tr.chosen').innerText(), /SELECT price/, 'also with the details of its other side');
    await press(tab, 'Escape');
    await tab.getByLabel('All services').selectOption({ label: 'database (202)' });
    await settled(tab);
    assert.match((await cells('SELECT price'))[0], /^pg SELECT price/, 'a filter may leave one side');
    assert.equal((await cells('SELECT price'))[1], '190');
    await close(tab);
  });

  await t.test('what was not measured has no time, what is not explained a name', async () => {
    const tab = await browser.open(await browser.writePage('counted'));

    assert.equal((await linesOf(tab)).length, 5);
    assert.deepEqual((await textsOf(tab, '.duration')).filter(Boolean), ['2.00 s', '5.00 s']);
    assert.ok((await textsOf(tab, '.tag.mark')).includes('kept 0 of 500,000'));
    await clickLine(tab, 'Seq Scan on t');
    assert.match(await tab.locator('.details').innerText(), /Took\s+not measured/);
    assert.match(await tab.locator('.plan-node').nth(0).innerText(),
      /1 of 2 workers launched[\s\S]*Buffers shared hit=1,200/);
    assert.match(await tab.locator('.plan-node').nth(1).innerText(), /~100 %/, 'a share by rows says so');
    await press(tab, 'f');
    assert.deepEqual((await shownTime(tab)).map(Math.round), [0, 31], 'zoomed to its statement');
    await press(tab, '0');
    await clickLine(tab, 'Index Scan on u');
    assert.match(await tab.locator('.details').innerText(), /Took\s+never executed/);
    await tab.getByLabel(/Minimum duration/).fill('1 s');
    await settled(tab);
    assert.equal(await filterCount(tab), '2 of 5 operations', 'nodes that nobody measured have no time');
    await tab.getByLabel(/Minimum duration/).fill('');
    await press(tab, 'Escape', '3');
    assert.deepEqual(await textsOf(tab, '.block'), ['pg SELECT busy()', 'pg SELECT a FROM t WHERE b = 1'],
      'no block for them in the flame');
    assert.match(await tab.locator('.flame-view').innerText(), /3 nodes of plans are not shown: only rows were counted/);
    await press(tab, '1');
    await clickLine(tab, 'Index Scan on u');
    await tab.locator('.details .close').click();
    assert.match(await tab.locator('.causes').innerText(),
      /Not explained, above all:[\s\S]*71 %[\s\S]*SELECT busy\(\): nothing in the trace says why/);
    await tab.locator('.cause').getByText('SELECT busy()').click();
    await settled(tab);
    assert.match(await selected(tab), /SELECT busy/);
    await close(tab);
  });

  await t.test('what is not explained has parts, of which the largest comes first', async () => {
    const tab = await browser.open(await browser.writePage('waits'));
    const parts = await textsOf(tab, '.rest-part');

    assert.deepEqual(parts, ['30 % unknown: nothing in the trace says what it was',
      '12 % computing in the server, by its CPU time',
      '3 % in statements of which no more is known than their time', '2 % waits of the server, by samples']);
    const shares = parts.map((part) => parseInt(part.replace('<', ''), 10));

    assert.deepEqual(shares, [...shares].sort((a, b) => b - a));
    assert.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) -
      parseInt(await tab.locator('.rest .cause-share b').first().innerText(), 10)) <= shares.length);
    await close(tab);
    const short = await browser.open(few);

    assert.deepEqual((await textsOf(short, '.rest-part')).slice(1), [
      '40 % the client\'s work, and its pauses between statements', '<1 % on the way between client and server']);
    await close(short);
  });

  await t.test('a plan\'s nodes are shares inside of their statement', async () => {
    const tab = await browser.open(slow);
    const placeOf = async (text, at = 0) => {
      const { x, width } = await tab.locator('.line:visible', { hasText: text }).nth(at).locator('.bar').boundingBox();

      return [x, width].map(Math.round);
    };
    const fillOf = (text) => tab.locator('.line:visible', { hasText: text }).locator('.bar').evaluate((bar) =>
      ['--own', '--below'].map((name) => Math.round(parseFloat(bar.style.getPropertyValue(name)))));

    await tab.evaluate(() => document.getElementById('toolbar').scrollIntoView());
    await settled(tab);
    const around = await placeOf('SELECT o.id', 1);

    for (const node of ['Sort', 'Nested Loop', 'Seq Scan on orders', 'Index Scan using customer_pkey'])
      assert.deepEqual(await placeOf(node), around, 'no bar says when a node ran');
    assert.deepEqual(await fillOf('Sort'), [2, 99]);
    assert.deepEqual(await fillOf('Nested Loop'), [4, 97]);
    assert.deepEqual(await fillOf('Seq Scan on orders'), [63, 63]);
    assert.match(await tab.locator('.line:visible', { hasText: 'Sort' }).locator('.track').getAttribute('title'),
      /^Inside the statement's time: this node worked 14\.0 ms, with the nodes below it 618 ms\. .*not when/);
    assert.match(await tab.locator('.legend-inside').innerText(), /inside the bar of its statement.*how much, not when/);
    await clickLine(tab, 'Sort');
    await press(tab, 'z');
    assert.deepEqual(await fillOf('Sort'), [2, 99]);
    await close(tab);
    const without = await browser.open(few);

    assert.equal(await without.locator('.legend-inside').count(), 0);
    await close(without);
  });

  await t.test('waits have a column, where there are any', async () => {
    const tab = await browser.open(await browser.writePage('waits'));

    await tab.getByRole('tab', { name: 'Statements' }).click();
    await tab.getByRole('button', { name: 'Waits' }).click();
    const waited = async () => (await textsOf(tab, 'tbody tr')).map((text) =>
      /\d+(?:\.\d+)? ms\s?(?:IO|Lock|LWLock)/.exec(text)?.[0].replace(/\s+/g, ' ') ?? '');

    assert.deepEqual((await waited()).slice(0, 3), ['7.00 ms IO', '6.00 ms Lock', '']);
    assert.match(await tab.locator('.wait-kind').first().getAttribute('title'), /^IO 6\.00 ms, LWLock 1\.00 ms$/);
    await tab.getByRole('button', { name: 'Waits' }).click();
    assert.deepEqual((await waited()).slice(-2), ['6.00 ms Lock', '7.00 ms IO'], 'sorted the other way');
    assert.match(await focusText(tab), /^Waits/);
    await close(tab);
    const without = await browser.open(slow);

    await without.getByRole('tab', { name: 'Statements' }).click();
    assert.equal(await without.getByRole('button', { name: 'Waits' }).count(), 0);
    await close(without);
  });

  await t.test('a text that was cut says so', async () => {
    const tab = await browser.open(await browser.writePage('waits'));

    assert.deepEqual(await textsOf(tab, '.tag.mark'), ['text cut']);
    await tab.locator('.line:visible', { has: tab.locator('.tag.mark') }).locator('.label').click();
    await settled(tab);
    assert.match(await tab.locator('.details').innerText(), /Statement \(cut\)/);
    assert.match(await tab.locator('.details').innerText(), /Note\s+text cut/);
    await close(tab);
  });

  await t.test('the button of errors says how many, and is off where none failed', async () => {
    const tab = await browser.open(slow);
    const button = tab.getByRole('button', { name: 'Errors (1)' });

    assert.equal(await button.getAttribute('aria-pressed'), 'false');
    await button.click();
    await settled(tab);
    assert.equal(await button.getAttribute('aria-pressed'), 'true');
    assert.equal(await filterCount(tab), '1 of 400 operations');
    await button.click();
    await settled(tab);
    assert.equal(await button.getAttribute('aria-pressed'), 'false');
    assert.equal(await filterCount(tab), '');
    await close(tab);
    const without = await browser.open(few);

    assert.ok(await without.getByRole('button', { name: 'Errors (0)' }).isDisabled());
    await press(without, 'e');
    assert.equal(await filterCount(without), '', 'nor does its key do anything');
    await close(without);
  });

  await t.test('the flame says what is under the pointer', async () => {
    const tab = await browser.open(slow);

    await tab.getByRole('tab', { name: 'Flame' }).click();
    assert.match(await tab.locator('.flame-info').innerText(), /^The width is time/);
    await tab.locator('.block', { hasText: '190 ×' }).first().hover();
    assert.match(await tab.locator('.flame-info').innerText(), /^db SELECT price.* 3\d\d ms, 2\d %, self time .*, 190 operations/);
    await tab.locator('.block', { hasText: 'db UPDATE' }).hover();
    assert.match(await tab.locator('.flame-info').innerText(), /^db UPDATE stock.* 486 ms, 26 %/);
    await close(tab);
  });

  await t.test('rows of a plan are per loop, as in EXPLAIN', async () => {
    const tab = await browser.open(await browser.writePage('parallel'));

    await clickLine(tab, 'SELECT a FROM t');
    const nodes = (await textsOf(tab, '.plan-node')).map((text) => text.replace(/\s+/g, ' '));

    assert.match(nodes[0], /3 rows expected 1 2 workers$/, 'all workers are no warning');
    assert.match(nodes[1], /1 row per loop expected 1 per loop 3 loops, 3 rows in all filter removed 600 rows/);
    assert.match(nodes[2], /150 rows per loop expected 2 per loop 75 times more 20 loops, 3,000 rows in all/);
    assert.match(await tab.locator('.plan-key').innerText(), /“\?” is a constant.*hide_params/);
    await clickLine(tab, 'Parallel Seq Scan');
    assert.deepEqual((await textsOf(tab, '.line .tag.mark')), ['2 expected per loop, 75 times as many came']);
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
    assert.match(await details.locator('.plan-node').nth(0).innerText(), /% of the statement/);
    assert.match(scan, /12,840 rows\s+expected 40\s+321 times more/);
    assert.match(scan, /filter removed 1,987,160 rows/);
    await details.locator('.plan-name').nth(2).click();
    await settled(tab);
    assert.match(await selected(tab), /Seq Scan on orders o/);
    await tab.locator('.details .close').click();
    assert.ok(await details.isHidden());
    await close(tab);
  });

  await t.test('a client\'s call shows the plan and the findings of the server', async () => {
    const tab = await browser.open(slow, { permissions: ['clipboard-read', 'clipboard-write'] });
    const details = tab.locator('.details');

    await tab.locator('.line:visible', { hasText: 'SELECT o.id' }).nth(0).locator('.label').click();
    await settled(tab);
    assert.match(await selected(tab), /^db/);
    assert.match(await details.innerText(), /In the server\s+pg SELECT o\.id[\s\S]*Plan in the server/);
    assert.match(await details.locator('.cause-note').first().innerText(), /Seq Scan|orders/);
    await details.getByRole('button', { name: 'Copy as text' }).click();
    const plan = (await tab.evaluate(() => navigator.clipboard.readText())).split('\n');

    assert.equal(plan[0], 'Sort (actual rows=12840 loops=1)', 'without what nobody measured');
    assert.equal(plan[1], '  Measured Time: 618.000 ms');
    assert.ok(plan.includes('  Sort Key: o.created DESC'));
    assert.match(plan[3], /^ {2}-> {2}Nested Loop \(/);
    assert.match(plan[5], /^ {8}-> {2}Seq Scan on orders o \(/);
    assert.ok(plan.includes('              Rows Removed by Filter: 1987160'));
    assert.match(plan.at(-3), /rows=1 loops=12840\)$/, 'per loop');
    await details.getByText('pg SELECT o.id').click();
    await settled(tab);
    assert.match(await selected(tab), /^pg/);
    assert.ok(await details.locator('.cause-note').count() > 0, 'the statement has what its nodes have');
    await close(tab);
  });

  await t.test('the bar and the lines stay where they are', async () => {
    const tab = await browser.open(slow, { viewport: { width: 1280, height: 800 } });
    const barTop = async () => (await tab.locator('#toolbar').boundingBox()).y;
    const line = tab.locator('.line:visible', { hasText: 'SELECT o.id' }).nth(0);

    await tab.locator('.cause').nth(2).getByText('Show only its').click();
    await settled(tab);
    assert.ok(await barTop() <= 1, 'the filtered lines come into view');
    await tab.getByRole('button', { name: 'Clear' }).click();
    await tab.locator('#search').fill('no such text');
    await settled(tab);
    assert.ok(await barTop() <= 1, 'not even without any line does it move');
    assert.equal(await tab.locator('.nothing:visible').innerText(), 'No operations match the filters.');
    await press(tab, 'Escape', 'Escape', '2', '3', '1');
    assert.ok(await barTop() <= 1);
    const before = (await line.boundingBox()).y;

    await line.locator('.label').click();
    await settled(tab);
    assert.ok(Math.abs((await line.boundingBox()).y - before) <= 1, 'opening the panel');
    await tab.locator('.panel-edge').press('ArrowLeft');
    await settled(tab);
    assert.equal(Math.round((await tab.locator('.details').boundingBox()).width), 510, 'wider by a key');
    const edge = await tab.locator('.panel-edge').boundingBox();

    await tab.mouse.move(edge.x + 4, 300);
    await tab.mouse.down();
    await tab.mouse.move(880, 300, { steps: 3 });
    await tab.mouse.up();
    assert.equal(Math.round((await tab.locator('.details').boundingBox()).width), 400, 'and by the mouse');
    const scan = tab.locator('.line:visible', { hasText: 'Seq Scan on orders o' });
    const [text, tags] = await scan.evaluate((found) => ['.text', '.tags'].map((part) =>
      found.querySelector(part).getBoundingClientRect()).map(({ left, right }) => [left, right]));

    assert.ok(text[1] - text[0] > 130 && text[1] <= tags[0] + 1, 'a node has its name before its remarks');
    await press(tab, 'Escape', '3');
    const block = tab.locator('.block', { hasText: 'pg.wait' });
    const place = (await block.boundingBox()).y;

    await block.click();
    await settled(tab);
    assert.ok(Math.abs((await block.boundingBox()).y - place) <= 1, 'beside the flame, too');
    await press(tab, 'Escape', '1');
    await tab.evaluate(() => window.scrollTo(0, 0));
    await tab.locator('.time-legend button', { hasText: 'lock wait' }).click();
    await settled(tab);
    assert.ok(await barTop() <= 1, 'the legend leads to the lines that it filters');
    assert.equal(await filterCount(tab), '1 of 400 operations');
    await tab.locator('.causes summary').click();
    assert.ok(await tab.locator('.cause').first().isHidden(), 'the findings fold');
    await press(tab, '2', '1');
    assert.ok(await tab.locator('.cause').first().isHidden());
    assert.ok(await tab.evaluate(() => document.querySelector('button, a, input').matches('.skip')));
    await tab.locator('.skip').focus();
    await press(tab, 'Enter');
    assert.equal(await tab.evaluate(() => document.activeElement.id), 'lines');
    await close(tab);
  });

  await t.test('several roots, and nothing that failed', async () => {
    const tab = await browser.open(await browser.writePage('session'));

    assert.equal(await tab.title(),
      'billing: SELECT total FROM invoice WHERE id = 1 and 2 more · 27.0 ms · OSProfiler');
    assert.ok(await tab.getByRole('button', { name: 'Errors (0)' }).isDisabled());
    await close(tab);
  });

  await t.test('the name is that of the longest root, and time has the words of the tree', async () => {
    const tab = await browser.open(await browser.writePage('requests'));

    assert.equal(await tab.title(),
      'public: POST /v3/auth/tokens and 1 more · 755 ms · OSProfiler');
    const names = await tab.locator('.time-legend button span:not(.dim)').allTextContents();

    assert.ok(names.includes('client') && names.includes('on the way'), names.join());
    assert.ok(!names.some((name) => /database call|idle|application/.test(name)), names.join());
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
    const words = await fold.evaluate((line) =>
      ['.bar-after', '.track'].map((part) => line.querySelector(part).getBoundingClientRect().left));

    assert.ok(words[0] >= words[1], 'what is said of a group is not cut at its front');
    await fold.locator('.label').click();
    await settled(tab);
    assert.match((await tab.locator('.details').innerText()).replace(/\s+/g, ' '),
      /190 × db .* Count 190 Total 3\d\d ms the sum of their durations Spans 5\d\d ms .* with pauses Median .* Slowest .* In the server 3\d\d ms of the total; the rest is on the way/);
    await tab.locator('.details .facts-table button').click();
    await settled(tab);
    assert.match(await selected(tab), /^db[\s\S]*SELECT price/, 'the slowest');
    await tab.locator('.details').getByText('pg SELECT price').click();
    await settled(tab);
    assert.match(await selected(tab), /pg[\s\S]*SELECT price/);
    await press(tab, 'Escape', 'Home');
    await fold.locator('.twisty').click();
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
    assert.deepEqual(await textsOf(tab, '.line mark'), ['UPDATE stock', 'UPDATE stock']);
    await press(tab, 'Escape');
    assert.equal(await tab.evaluate(() => document.activeElement.id), 'lines', 'Esc leads to the results');
    await press(tab, 'n', 'n');
    assert.equal(await tab.locator('.match-place').innerText(), '2 of 2');
    await tab.locator('#search').fill('/item = 10(0[0-4])\\b/');
    await settled(tab);
    assert.equal(await filterCount(tab), '10 of 400 operations');
    await press(tab, 'Enter', 'Enter');
    assert.match(await selected(tab), /item = 1000/);
    await tab.locator('#search').fill('/(/');
    await settled(tab);
    assert.equal(await filterCount(tab), '10 of 400 operations', 'what was found last stays');
    assert.match(await tab.getByRole('alert').innerText(), /not a regular expression: unterminated group\.$/);
    const red = (field) => tab.locator(field).evaluate((input) => getComputedStyle(input).borderColor);

    assert.equal(await red('#search'), 'rgb(192, 35, 44)');
    await tab.locator('#search').fill('');
    await tab.getByLabel(/Minimum duration/).fill('soon');
    await settled(tab);
    assert.match(await tab.getByRole('alert').innerText(), /not a duration/);
    assert.equal(await red('.minimum'), 'rgb(192, 35, 44)');
    assert.equal(await filterCount(tab), '', 'nonsense filters nothing');
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

    await tab.evaluate(() => document.getElementById('toolbar').scrollIntoView());
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
    assert.deepEqual((await shownTime(tab)).map(Math.round), [49, 99], 'about the selected operation');
    await press(tab, 'Home', '0', '+');
    assert.deepEqual((await shownTime(tab)).map(Math.round), [25, 75], 'which is all of it');
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
    assert.equal(await tab.locator('.twisty.closed:visible').count(), 0, 'all unfolded, for something was folded');
    assert.ok((await linesOf(tab)).filter((line) => /price WHERE/.test(line)).length > 5, 'also the group');
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
    assert.match(await tab.locator('.shapes-mode').innerText(), /Total is the sum of their durations, without pauses/);
    const rows = tab.locator('tbody tr');

    assert.match(await rows.nth(0).innerText(), /SELECT o\.id/);
    await tab.getByRole('button', { name: 'Count', exact: true }).click();
    assert.match((await rows.nth(0).innerText()).replace(/\s+/g, ' '),
      /SELECT price, currency FROM price WHERE item = \? AND valid 190 3\d\d ms/, 'without constants');
    assert.equal((await tab.locator('th[aria-sort="descending"]').innerText()).replace(/\s/g, ''), 'Count▾');
    await tab.getByRole('button', { name: 'Count', exact: true }).click();
    assert.doesNotMatch(await rows.nth(0).innerText(), /190/);
    await tab.getByRole('button', { name: 'Count', exact: true }).click();
    await rows.nth(0).getByRole('button').press('ArrowDown');
    const second = await focusText(tab);

    await press(tab, 'ArrowUp');
    assert.notEqual(await focusText(tab), second, 'arrows move in the table');
    assert.equal(await tab.locator('.shape-name[tabindex="0"]').count(), 1, 'which is one stop for Tab');
    await press(tab, 'Enter');
    assert.ok(await tab.locator('table').isVisible(), 'the table stays');
    assert.match(await tab.locator('.details .statement').innerText(), /item = 1\d\d\d AND/, 'the slowest one');
    await press(tab, 'Escape');
    assert.match(await focusText(tab), /item = \? AND/, 'back in the same row');
    await press(tab, 'Enter');
    await tab.getByRole('button', { name: 'Show all 190 like it' }).click();
    await settled(tab);
    assert.ok(await tab.locator('#lines').isVisible());
    assert.equal(await filterCount(tab), '190 of 400 operations');
    assert.equal((await linesOf(tab)).length, 2, 'as a group');
    await press(tab, 'Escape', 'Escape', 'Escape');
    assert.ok(await tab.locator('table').isVisible(), 'back in the table');
    assert.match(await focusText(tab), /item = \? AND/);
    const lefts = await tab.locator('td .share-bar').evaluateAll((bars) =>
      bars.map((bar) => Math.round(bar.getBoundingClientRect().left)));

    assert.equal(new Set(lefts).size, 1, `bars with one left edge: ${lefts}`);
    await close(tab);
  });

  await t.test('20,000 different statements have pages', async () => {
    const tab = await browser.open(await browser.writePage('distinct20k'));
    const turns = tab.getByRole('navigation', { name: 'Pages of the table' });
    const count = () => tab.locator('tbody tr').count();
    const first = () => tab.locator('tbody tr th').first().innerText();

    await tab.getByRole('tab', { name: 'Statements' }).click();
    await tab.getByRole('button', { name: 'Statement', exact: true }).click();
    assert.equal(await first(), 'db SELECT * FROM t_a');
    assert.match(await turns.innerText(), /1–300 of 20,000/);
    assert.equal(await count(), 300);
    assert.ok(await turns.getByRole('button', { name: 'Previous' }).isDisabled());
    await turns.getByRole('button', { name: 'Next' }).click();
    assert.match(await turns.innerText(), /301–600 of 20,000/);
    assert.equal(await focusText(tab), await first(), 'the first row of the page has the keyboard');
    const box = await tab.locator('tbody tr').first().boundingBox();

    assert.ok(box.y > 0 && box.y < 300, `which is at ${box.y}`);
    await press(tab, 'ArrowUp');
    assert.match(await turns.innerText(), /1–300 of/, 'the arrows turn pages');
    await press(tab, 'ArrowDown');
    assert.equal(await focusText(tab), await first());
    await press(tab, 'Enter');
    await settled(tab);
    assert.deepEqual(await textsOf(tab, 'tr.chosen th'), [await first()]);
    await press(tab, 'Escape');
    assert.equal(await focusText(tab), await first(), 'the page stays while details are open');
    await press(tab, '1', '2');
    assert.match(await turns.innerText(), /301–600 of/, 'and while another view is');
    await tab.locator('tbody tr').first().getByRole('button').press('End');
    assert.match(await turns.innerText(), /19,801–20,000 of 20,000/);
    assert.equal(await count(), 200);
    assert.ok(await turns.getByRole('button', { name: 'Next' }).isDisabled());
    await tab.locator('#search').fill('t_b');
    await settled(tab);
    assert.match(await turns.innerText(), /1–300 of/, 'a search shows its first results');
    assert.equal(await tab.locator('tbody tr mark').count(), 300);
    await tab.locator('#search').fill('t_zz');
    await settled(tab);
    assert.ok(await count() > 0 && await count() < 300);
    assert.equal(await turns.count(), 0);
    await tab.locator('#search').fill('');
    await tab.locator('tbody tr').first().getByRole('button').press('End');
    await tab.getByRole('button', { name: 'Count', exact: true }).click();
    assert.match(await turns.innerText(), /1–300 of/, 'so does another order');
    const elements = await tab.locator('*').count();

    assert.ok(elements < 6000, `${elements} elements`);
    await close(tab);
  });

  await t.test('filters filter the tables, whose shares are parts of a whole', async () => {
    const tab = await browser.open(slow);
    const rows = async () => (await textsOf(tab, 'tbody tr')).map((text) => text.replace(/\s+/g, ' '));
    const shares = async () => (await textsOf(tab, 'td.share')).reduce((sum, text) => sum + (parseInt(text, 10) || 0), 0);

    await press(tab, '2', 'e');
    assert.equal((await rows()).length, 1, 'errors');
    assert.match((await rows())[0], /INSERT INTO invoice .* 1 1 4\.20 ms/);
    await press(tab, 'e');
    await tab.getByLabel(/Minimum duration/).fill('400 ms');
    await settled(tab);
    assert.equal((await rows()).length, 2, 'duration; each of client and server');
    await tab.getByLabel('All services').selectOption({ label: 'database (202)' });
    await settled(tab);
    assert.equal((await rows()).length, 2, 'service');
    await tab.getByRole('button', { name: 'All operations' }).click();
    await tab.getByLabel('All kinds').selectOption({ label: 'lock wait (1)' });
    await settled(tab);
    assert.equal((await rows()).length, 1, 'kind');
    await tab.getByRole('button', { name: 'Clear' }).click();
    await tab.getByLabel(/Minimum duration/).fill('');
    await tab.getByLabel('All kinds').selectOption('-1');
    await settled(tab);
    assert.ok(await shares() <= 101, `${await shares()} %`);
    await tab.locator('tr', { hasText: 'db SELECT price' }).getByRole('button').click();
    assert.match(await tab.locator('.details').innerText(), /190 ×[\s\S]*Count\s+190[\s\S]*Slowest/, 'as a group');
    await close(tab);
  });

  await t.test('search takes figures, processes and expressions', async () => {
    const tab = await browser.open(slow);
    const count = async (query) => {
      await tab.locator('#search').fill(query);
      await settled(tab);
      return filterCount(tab);
    };

    assert.equal(await count('/update STOCK/'), '2 of 400 operations');
    assert.match(await count('12,840'), /^[1-9]/);
    assert.equal(await count('12,840'), await count('12840'));
    assert.match(await count('pid 4711'), /^19\d of 400/);
    await count('/(/');
    assert.equal(await tab.locator('.nothing').innerText(), '', 'one message');
    await close(tab);
  });

  await t.test('what is asked for comes into view, and Back leads to where one was', async () => {
    const tab = await browser.open(slow);
    const top = () => tab.evaluate(() => window.scrollY);
    const under = () => tab.evaluate(() => document.querySelector('main').getBoundingClientRect().top -
      document.getElementById('toolbar').offsetHeight);

    await tab.evaluate(() => window.scrollTo(0, 20));
    await settled(tab);
    const before = await top();

    await tab.locator('.cause-title', { hasText: 'lock' }).evaluate((title) => title.click());
    await settled(tab);
    await tab.waitForFunction(() => location.hash.startsWith('#op='));
    await tab.goBack();
    await settled(tab);
    assert.equal(await top(), before, 'the card one came from');
    const hash = await tab.evaluate(() => {
      history.forward();
      return new Promise((done) => { window.addEventListener('popstate', () => done(location.hash), { once: true }); });
    });

    await press(tab, 'Escape');
    await tab.evaluate((op) => { location.hash = ''; location.hash = op; }, hash);
    await settled(tab);
    assert.match(await tab.locator('.details').innerText(), /lock wait/, 'the address leads to it');
    await tab.locator('.fact.failed').click();
    await settled(tab);
    assert.match(await tab.locator('.line.selected:visible').innerText(), /INSERT INTO invoice/);
    assert.ok(Math.abs(await under()) < 2, 'the list is in view');
    await press(tab, 'Escape', 'Escape');
    const kept = await under();
    await press(tab, 'a');
    assert.ok(Math.abs(await under() - kept) < 2, 'and stays there when all is folded');
    assert.ok(await tab.getByRole('button', { name: 'Unfold all' }).isVisible());
    await press(tab, 'a');
    await tab.mouse.wheel(0, 300);
    await settled(tab);
    await tab.locator('#search').fill('price');
    await settled(tab);
    assert.ok(Math.abs(await under()) < 2, 'from the first result on');
    assert.match(await tab.locator('.line:visible', { hasText: '190 ×' }).innerText(), /3\d\d ms in 5\d\d ms/);
    assert.ok(await tab.locator('.line.caused:visible').count() > 0, 'rows of findings are marked');
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
    await settled(tab);
    assert.match(await tab.locator('.flame-info').innerText(), /484 ms, 26 %, self time 484 ms/);
    assert.match(await tab.locator('.details').innerText(), /pg\.wait[\s\S]*held_by/);
    await press(tab, 'Escape');
    assert.match(await focusText(tab), /pg\.wait/);
    await tab.locator('.block', { hasText: 'db UPDATE' }).focus();
    await press(tab, 'Enter');
    assert.equal((await textsOf(tab, '.block:not(.above)')).length, 3, 'into it');
    assert.match(await focusText(tab), /db UPDATE/, 'and the keyboard with it');
    assert.deepEqual(await textsOf(tab, '.block.above'), ['wsgi POST /reports/monthly'], 'its callers are above it');
    const [above, block] = [await tab.locator('.block.above').boundingBox(),
      await tab.locator('.block', { hasText: 'db UPDATE' }).boundingBox()];

    assert.deepEqual([above.x, above.width], [block.x, block.width], 'as wide as it');
    assert.ok(above.y + above.height <= block.y + 1);
    await press(tab, 'ArrowUp');
    assert.match(await focusText(tab), /wsgi/, 'the arrows lead there');
    await press(tab, 'Enter');
    assert.match(await tab.locator('.flame-crumbs b').innerText(), /wsgi/, 'and out');
    assert.equal(await tab.locator('.block.above').count(), 0);
    await tab.locator('.block', { hasText: 'db UPDATE' }).click();
    await tab.locator('.block', { hasText: 'pg UPDATE' }).click();
    await tab.locator('.block.above', { hasText: 'db UPDATE' }).click();
    await settled(tab);
    assert.equal((await textsOf(tab, '.block:not(.above)')).length, 3, 'so does a click');
    await press(tab, 'Escape');
    await press(tab, 'Escape');
    assert.ok((await textsOf(tab, '.block')).length > 3);
    await tab.locator('#search').fill('FROM price');
    await settled(tab);
    const dim = await textsOf(tab, '.block.context');

    assert.ok(dim.some((text) => /UPDATE/.test(text)), 'what does not match is dim');
    assert.ok(!dim.some((text) => /FROM price/.test(text)));
    await close(tab);
  });

  await t.test('Back closes what was opened, Forward opens it again', async () => {
    const tab = await browser.open(slow);
    const back = async (how = 'back') => {
      await tab.evaluate((step) => new Promise((done) => {
        window.addEventListener('popstate', done, { once: true });
        history[step]();
      }), how);
      await settled(tab);
    };
    const details = tab.locator('.details');

    await clickLine(tab, 'SELECT o.id');
    await clickLine(tab, 'UPDATE stock');
    await press(tab, 'ArrowDown', 'ArrowDown');
    await tab.getByRole('tab', { name: 'Statements' }).click();
    await tab.locator('.shape-name').nth(2).click();
    await settled(tab);
    await back();
    await back();
    assert.ok(await tab.locator('#lines').isVisible(), 'another view is a step');
    assert.match(await selected(tab), /pg\.wait/, 'an arrow key is none');
    await back();
    assert.match(await details.locator('.statement').innerText(), /SELECT o\.id/, 'an operation is one');
    await back();
    assert.ok(await details.isHidden(), 'the first one was opened from nothing');
    await back('forward');
    assert.match(await details.locator('.statement').innerText(), /SELECT o\.id/);
    await press(tab, 'Escape');
    await tab.locator('.cause').nth(2).getByText('Show only its').click();
    await settled(tab);
    await tab.locator('#search').fill('price');
    await press(tab, 'Escape', '3');
    await tab.locator('.block', { hasText: 'wsgi' }).click();
    await tab.locator('.block', { hasText: '190 × db' }).click();
    await settled(tab);
    assert.match(await tab.locator('.flame-crumbs b').innerText(), /SELECT price/);
    await back();
    assert.match(await tab.locator('.flame-crumbs b').innerText(), /wsgi/, 'out of a block');
    await back();
    assert.equal(await tab.locator('.flame-crumbs b').innerText(), 'All');
    await back();
    assert.ok(await tab.locator('#lines').isVisible());
    assert.match(await filterCount(tab), /of 400 operations/);
    await back();
    assert.equal(await tab.locator('#search').inputValue(), '', 'a search is one step, not one for each letter');
    assert.match(await filterCount(tab), /^38\d of 400/);
    await back();
    assert.equal(await filterCount(tab), '', 'a filter is one');
    assert.ok(await details.isHidden(), 'what was closed does not come back');
    await tab.locator('.line:visible', { hasText: 'render' }).locator('.label').click();
    await tab.reload();
    await ready(tab);
    assert.match(await details.innerText(), /monthly\.pdf/, 'nor does reading it again lose it');
    await close(tab);
  });

  await t.test('where no step can be made, all else works', async () => {
    const tab = await browser.open(slow);

    await tab.evaluate(() => { history.pushState = () => { throw new DOMException('no', 'SecurityError'); }; });
    await clickLine(tab, 'SELECT o.id');
    await press(tab, 'Escape', '2');
    assert.ok(await tab.locator('table').isVisible());
    await close(tab);
  });

  await t.test('lost, running, interrupted and failed differ', async () => {
    const tab = await browser.open(broken);

    assert.deepEqual(await textsOf(tab, '.causes .ended'), [
      'Not finished, running or lost, begun at 09:30:12.004 UTC: SELECT * FROM archive ORDER BY created; and 1 other operation.',
      'A statement did not finish, ended after 70.0 ms by lock_timeout.']);
    assert.match(await tab.locator('.causes h2').innerText(), /^Why it took 250 ms until the last point that is here$/);

    assert.deepEqual(await textsOf(tab, '.fact'), ['8 operations', '1 failed', '3 unfinished',
      '1 interrupted', '1 without end', '1 without start', '12 points lost']);
    assert.match(await tab.locator('p.notice').innerText(), /^12 points of the trace were lost/);
    const looks = await tab.locator('.bar:visible').evaluateAll((bars) => bars.map((bar) => {
      const { backgroundImage, borderTopStyle, borderRightStyle, boxShadow } = getComputedStyle(bar);

      return [backgroundImage.slice(0, 12), borderTopStyle, borderRightStyle, boxShadow !== 'none'].join();
    }));

    // wsgi unfinished, count(*) interrupted, REFRESH end lost, cache start lost, DELETE failed
    assert.equal(new Set([0, 3, 5, 6, 7].map((line) => looks[line])).size, 5, looks.join('; '));
    await tab.locator('.causes .ended').first().getByRole('button').click();
    await settled(tab);
    assert.match(await selected(tab), /^pg\s+running or lost\s+SELECT \* FROM archive/, 'the statement at which it is not finished');
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

  await t.test('enlarged to 400 %, texts that cannot be broken stay inside', async () => {
    const tab = await browser.open(await browser.writePage('unbroken'), { viewport: { width: 256, height: 256 } });
    const wide = () => tab.evaluate(() => document.documentElement.scrollWidth);

    for (const view of ['flame', 'shapes', 'waterfall']) {
      await tab.locator(`#tab-${view}`).click();
      await settled(tab);
      assert.equal(await wide(), 256, view);
    }
    const tabs = await tab.locator('.tab').evaluateAll((all) => all.map((one) => [one.scrollWidth, one.clientWidth]));

    for (const [needed, has] of tabs)
      assert.ok(needed <= has, `its words have room: ${needed} of ${has}`);
    await tab.locator('#lines').focus();
    await press(tab, 'Home', 'Enter');
    assert.equal(await wide(), 256, 'details');
    await close(tab);
  });
});
