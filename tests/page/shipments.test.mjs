// SPDX-License-Identifier: Apache-2.0
//
// shipments.test.mjs
//     What a reader of the page of a session must not misunderstand: which node a finding blames
//     and which took the time, whose times are shown, what a worker did, what a word means.

import test from 'node:test';
import assert from 'node:assert/strict';
import { Browser, click, close, press, settled, textsOf } from './browser.mjs';

const lineOf = (tab, text) => tab.locator('.line:visible', { hasText: text }).first();

const wordsOf = async (locator) => (await locator.innerText()).replace(/\s+/g, ' ').trim();

const detailsOf = (tab) => wordsOf(tab.locator('.details'));

const closeTo = (text, share) => Math.abs(parseFloat(text.replace('~', '')) - share) <= 1;

test('the page of shipments', async (t) => {
  const browser = await Browser.start();

  t.after(() => browser.stop());
  const html = await browser.writePage('shipments');

  await t.test('a wrong estimate says where it was wrong, and where the time went', async () => {
    const tab = await browser.open(html);
    const lines = tab.locator('.cause .plan-line');

    assert.equal(await lines.count(), 2);
    assert.match(await wordsOf(lines.nth(0)), /^Estimated wrong here Parallel Seq Scan on shipment s 2,500 rows per loop expected 1 per loop 2,500 times more/);
    assert.doesNotMatch(await wordsOf(lines.nth(0)), /of the statement/, 'the time is not its own');
    const spent = await wordsOf(lines.nth(1));

    assert.match(spent, /^Time spent here Nested Loop with Seq Scan on tariff t ~\d+ % of the statement 4,000 rows per loop .* 5,000 loops/);
    assert.ok(closeTo(/~\d+/.exec(spent)[0], 99), spent);
    assert.match(await tab.locator('.cause-share b').first().innerText(), /^~9\d %$/, 'judged by the rows');
    assert.match(await wordsOf(tab.locator('.causes')), /\(by the rows, not measured\)/);
    assert.match(await wordsOf(tab.locator('.causes')),
      /Times of plan nodes are judged by their rows\. To measure them, .*: SET osprofiler\.points = 'statement, nested, parse, plan, commit, trigger, worker, wait, node'$/);
    await click(tab, tab.getByText('Go to the operation'));
    assert.match(await tab.locator('.line.selected').innerText(), /Parallel Seq Scan on shipment s/, 'the one that the text names first');
    await click(tab, lines.nth(1));
    assert.match(await tab.locator('.plan-node.selected').innerText(), /^Nested Loop/);
    await click(tab, lines.nth(0));
    assert.match(await tab.locator('.plan-node.selected').innerText(), /^Parallel Seq Scan on shipment s/);
    await close(tab);

    const other = await browser.open(await browser.writePage('crowded'));

    assert.match(await wordsOf(other.locator('.cause .plan-line')), /^Seq Scan on orders 780 ms/, 'other findings have one node');
    await close(other);
  });

  await t.test('parts of the time are rounded each, and have names that are right', async () => {
    const tab = await browser.open(html);
    const parts = await textsOf(tab, '.time-part');
    const total = 2697980;     // µs

    assert.match(parts[1].replace(/\s+/g, ' '), /^on the way 58\.1 ms 2 %$/);
    for (const part of parts) {
      const [, time, unit, share] = /([\d.]+) (ms|s)\s+(<?\d+) %$/.exec(part);
      const percent = (parseFloat(time) * (unit === 's' ? 1e6 : 1e3) / total) * 100;

      assert.equal(share, percent < 1 ? '<1' : String(Math.round(percent)), part);
    }
    assert.ok(parts.some((part) => part.startsWith('connecting')));
    assert.doesNotMatch(parts.join(), /network/, 'a Unix socket is none');
    await close(tab);
  });

  await t.test('what a part of the legend lets through is bold, with its own times', async () => {
    const tab = await browser.open(html);
    const select = tab.getByLabel('All kinds');

    assert.equal(await tab.locator('.time-part', { hasText: 'between operations' }).evaluate(({ tagName }) => tagName), 'SPAN');
    await click(tab, tab.getByRole('button', { name: /^statements in the server/ }));
    assert.equal(await tab.locator('.match-count').innerText(), '121 of 371 operations');
    assert.ok(await select.evaluate((field) => {
      const { width } = field.getBoundingClientRect();

      field.style.maxWidth = 'none';
      return width >= field.getBoundingClientRect().width;
    }), 'the choice is whole');
    const group = tab.locator('.line:visible', { hasText: '60 ×' }).first();

    assert.match(await wordsOf(group), /^▸?\s*60 × pg SELECT name, region FROM customer WHERE id = \? 14\.1 ms 14\.1 ms in 2\.69 s/);
    assert.equal(await group.evaluate((line) => line.classList.contains('context')), false);
    assert.match(await group.locator('.bar').getAttribute('class'), /\bk4\b/);
    assert.ok(await tab.locator('.line.context:visible', { hasText: /^\s*db/ }).count() > 0, 'their calls are not');
    await click(tab, group.locator('.label'));
    assert.match(await detailsOf(tab), /^60 × pg statement in the server .* Count 60 Total 14\.1 ms/);
    await press(tab, 'Escape', 'Escape');
    assert.match(await wordsOf(lineOf(tab, '60 ×')), /60 × db SELECT name/);
    await close(tab);
  });

  await t.test('a worker that waited is drawn so, and says it', async () => {
    const tab = await browser.open(html);
    const worker = lineOf(tab, 'worker 0');

    assert.match(await worker.locator('.bar').getAttribute('class'), /\bwaited\b/);
    const worked = await worker.locator('.bar').evaluate((bar) => bar.style.getPropertyValue('--worked'));

    assert.ok(Math.abs(parseFloat(worked) - 3.06) < 0.1, worked);
    assert.match(await worker.locator('.track').getAttribute('title'), /It waited 1\.54 s of that, by samples/);
    await click(tab, worker.locator('.label'));
    assert.match(await detailsOf(tab), /Took 1\.59 s .* CPU 12\.2 ms of 1\.59 s Waits 1\.54 s IPC by samples/);
    assert.doesNotMatch(await detailsOf(tab), /Self time 0 ns|of the statement/);
    await close(tab);
  });

  await t.test('the title counts statements, without the connection', async () => {
    const tab = await browser.open(html);

    assert.match(await tab.locator('h1').innerText(), /^SELECT c\.region.* and 120 more$/);
    await close(tab);
  });

  await t.test('beside details the statements keep their width, and no column is empty', async () => {
    const tab = await browser.open(html);
    const heads = async () => (await textsOf(tab, '.shapes thead th')).map((text) => text.replace(/[▾▴\s]+/g, ' ').trim());

    await press(tab, '2');
    assert.deepEqual(await heads(), ['Statement', 'Count', 'Total', 'Self time', 'In the server', 'Max', 'Waits', 'Share of the trace']);
    await click(tab, tab.locator('.shape-name').nth(1));
    const { width } = await tab.locator('.shape-name .text').nth(1).boundingBox();

    assert.ok(width > 220, `${width}`);
    assert.ok(await tab.locator('.shapes table').evaluate((table) => table.offsetWidth <= table.parentElement.clientWidth));
    await press(tab, 'Escape');
    await tab.locator('#search').fill('UPDATE');
    await settled(tab);
    assert.ok(!(await heads()).includes('Waits'));
    await close(tab);
  });

  await t.test('details of a node show it in the plan, and the findings that name it', async () => {
    const tab = await browser.open(html);

    await click(tab, lineOf(tab, 'Seq Scan on tariff t').locator('.label'));
    const panel = await tab.locator('.details').boundingBox();
    const node = await tab.locator('.plan-node.selected').boundingBox();

    assert.ok(node.y > panel.y && node.y + node.height < panel.y + panel.height, `${node.y}`);
    assert.equal(await tab.locator('.cause-note').count(), 1);
    await click(tab, lineOf(tab, 'Gather Merge').locator('.label'));
    assert.equal(await tab.locator('.cause-note').count(), 0, 'what is below it is not it');
    await click(tab, lineOf(tab, 'Limit').locator('.label'));
    assert.equal(await tab.locator('.cause-note').count(), 0);
    await click(tab, tab.locator('.k4-line:visible', { hasText: 'SELECT c.region' }).locator('.label'));
    assert.equal(await tab.locator('.cause-note').count(), 1, 'its statement has it');
    await close(tab);
  });

  await t.test('names of nodes break between words', async () => {
    const tab = await browser.open(html, { viewport: { width: 375, height: 800 } });
    const broken = await tab.locator('.causes .plan-name').evaluateAll((names) => names.filter((name) => {
      const text = name.firstChild;
      const range = document.createRange();

      return [...text.data.matchAll(/\S+/g)].some(({ 0: word, index }) => {
        range.setStart(text, index);
        range.setEnd(text, index + word.length);
        return range.getClientRects().length > 1;
      });
    }).map((name) => name.textContent));

    assert.deepEqual(broken, []);
    await close(tab);
  });

  await t.test('controls do what they say', async () => {
    const tab = await browser.open(html);
    const times = () => tab.evaluate(() => {
      const { left, right } = document.querySelector('.minimap-window').style;

      return [parseFloat(left), 100 - parseFloat(right)];
    });
    const ids = await lineOf(tab, 'Limit').locator('.label');

    await click(tab, ids);
    assert.equal(await tab.getByRole('button', { name: 'Zoom to its statement' }).count(), 1);
    await click(tab, lineOf(tab, 'worker 0').locator('.label'));
    assert.equal(await tab.getByRole('button', { name: 'Zoom to it', exact: true }).count(), 1);
    await press(tab, '+', '+');
    const [from, to] = await times();
    const middle = ((84 + 1590 / 2) / 2697.98) * 100;

    assert.ok(Math.abs(from + (to - from) * (middle / 100) - middle) < 0.5, `its middle stays: ${from} to ${to}`);
    await press(tab, '0');
    const color = () => tab.locator('.line.selected').evaluate((line) => getComputedStyle(line).backgroundColor);
    const under = await color();

    await tab.mouse.move(900, 5);
    await settled(tab);
    assert.equal(await color(), under, 'selected is selected, with the pointer on it and without');
    await tab.getByLabel(/Minimum duration/).fill('1 s');
    await settled(tab);
    assert.equal(await tab.locator('.match-count').innerText(), '3 of 371 operations', 'nodes that nobody measured are none');
    assert.ok(await tab.locator('.details').isVisible());
    await tab.getByLabel(/Minimum duration/).fill('2 s');
    await settled(tab);
    assert.ok(await tab.locator('.details').isHidden(), 'details of what a filter removed close');
    await tab.getByRole('button', { name: 'Clear' }).click();
    await press(tab, 'a');
    await click(tab, tab.getByRole('button', { name: 'Unfold all' }));
    assert.equal(await tab.locator('.twisty.closed:visible').count(), 0, 'also groups');
    await close(tab);
  });

  await t.test('what is found where a line is cut off is shown', async () => {
    const tab = await browser.open(html);

    await tab.locator('#search').fill('from_weight');
    await settled(tab);
    assert.deepEqual(await textsOf(tab, '.line mark'), ['from_weight', 'from_weight']);
    const line = lineOf(tab, 'from_weight');
    const { x, width } = await line.locator('mark').boundingBox();
    const box = await line.locator('.text').boundingBox();

    assert.match(await line.locator('.text').innerText(), /^….*from_weight/);
    assert.ok(x + width <= box.x + box.width, 'it is in view');
    await close(tab);
  });

  await t.test('words are explained', async () => {
    const tab = await browser.open(html);

    await press(tab, '?');
    for (const word of ['judged by the rows', 'osprofiler.points', 'osprofiler.node_min_duration', 'self time', 'IPC', '$exec0'])
      assert.ok((await tab.locator('dialog dt').allInnerTexts()).some((text) => text.includes(word)), word);
    await press(tab, 'Escape');
    await click(tab, lineOf(tab, 'worker 0').locator('.label'));
    assert.equal(await tab.locator('.details abbr', { hasText: 'IPC' }).getAttribute('title'), 'waited for another process');
    await click(tab, tab.locator('.k4-line:visible', { hasText: 'SELECT c.region' }).locator('.label'));
    assert.match(await detailsOf(tab), /Self time 2\.60 s \d+ % of the trace with its plan's nodes, whose time was not measured/);
    const shares = await textsOf(tab, '.details .plan-time b');

    assert.ok(shares.length > 4 && shares.every((share) => share.startsWith('~')), shares.join());
    await close(tab);
  });

  await t.test('the flame says what it leaves out', async () => {
    const tab = await browser.open(html);

    await press(tab, '3');
    assert.match(await tab.locator('.flame-view').innerText(), /1 parallel worker is not shown: it ran beside the statement's process/);
    assert.doesNotMatch(await tab.locator('.flame-view').innerText(), /No operations match/);
    await tab.locator('#search').fill('no such text');
    await settled(tab);
    assert.match(await tab.locator('.flame-view').innerText(), /No operations match the filters/);
    await close(tab);
  });
});
