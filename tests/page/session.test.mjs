// SPDX-License-Identifier: Apache-2.0
//
// session.test.mjs
//     What somebody who sees the page for the first time tries on a session of 550 operations:
//     statements in a loop, and a slow one whose plan was wrong.

import test from 'node:test';
import assert from 'node:assert/strict';
import { Browser, click, close, linesOf, press, settled, textsOf } from './browser.mjs';

const lineOf = (tab, text) => tab.locator('.line:visible', { hasText: text }).first();

const shownTime = (tab) => tab.evaluate(() => {
  const { left, right } = document.querySelector('.minimap-window').style;

  return [parseFloat(left), 100 - parseFloat(right)];
});

const toTheLines = async (tab) => {
  await tab.evaluate(() => document.getElementById('toolbar').scrollIntoView());
  await settled(tab);
};

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

  await t.test('the bar of a group has gaps where nothing of it ran', async () => {
    const tab = await browser.open(html);

    await toTheLines(tab);
    const [group, slow] = [lineOf(tab, '60 ×'), lineOf(tab, 'SELECT a.country')];
    const gap = await slow.locator('.bar').boundingBox();
    const ticks = () => group.locator('.bar').evaluate((bar) => {
      const { left, width } = bar.getBoundingClientRect();
      const stops = [...bar.style.getPropertyValue('--ticks').matchAll(/var\(--d(\d)\) ([\d.]+)%/g)];

      return stops.map(([, level, place]) => [Number(level), left + (Number(place) / 100) * width]);
    });
    const inGap = (await ticks()).filter(([, x]) => x > gap.x + 3 && x < gap.x + gap.width - 3);

    assert.ok((await ticks()).some(([level]) => level > 0));
    assert.deepEqual(inGap, [], 'nothing begins or ends in it');
    assert.deepEqual((await ticks()).findLast(([, x]) => x <= gap.x + 3)[0], 0, 'and it is empty');
    const words = await group.locator('.bar-after').boundingBox();

    assert.ok(words.x >= gap.x - 12 && words.x + words.width <= gap.x + gap.width, 'what is said of the group stands there');
    assert.match(await group.locator('.text').innerText(), /WHERE id = \?$/, 'its text is that of all of them');
    await slow.locator('.bar').dblclick();
    await settled(tab);
    await press(tab, '+', '+');
    assert.deepEqual((await ticks()).filter(([level]) => level > 0), [], 'zoomed into the gap it is empty');
    await close(tab);
  });

  await t.test('a group is of those that the filter lets through', async () => {
    const tab = await browser.open(html);

    await tab.getByLabel(/Minimum duration/).fill('730 us');
    await settled(tab);
    const group = lineOf(tab, '60 ×');
    const text = (await group.innerText()).replace(/\s+/g, ' ');

    assert.match(text, /^8 of 60 × db SELECT name FROM customer WHERE id = \? 5\.84 ms 5\.84 ms in \d+ ms: 730 µs – 730 µs, median 730 µs$/);
    await click(tab, group.locator('.label'));
    assert.match((await tab.locator('.details').innerText()).replace(/\s+/g, ' '), /8 × db .* Count 8 Total 5\.84 ms .* Median 730 µs/);
    await tab.getByLabel(/Minimum duration/).fill('725 us');
    await settled(tab);
    assert.match((await tab.locator('.details').innerText()).replace(/\s+/g, ' '), /16 × db .* Count 16 /, 'also while it is open');
    await tab.locator('#search').fill('no such text');
    await settled(tab);
    await press(tab, 'Escape', 'f');
    assert.match(await tab.locator('.details').innerText(), /db[\s\S]*SELECT name FROM customer/, 'of none of them it stays that of the first');
    await close(tab);
  });

  await t.test('a click opens details and a double click zooms, zoomed in or not', async () => {
    const tab = await browser.open(html);
    const details = tab.locator('.details');
    const bar = (text) => lineOf(tab, text).locator('.bar');
    const middle = async (locator) => {
      const { x, y, width, height } = await locator.boundingBox();

      return [x + width / 2, y + height / 2];
    };

    await toTheLines(tab);
    await press(tab, '+');
    await tab.mouse.click(...await middle(bar('SELECT a.country')));
    await settled(tab);
    assert.match(await details.innerText(), /database call[\s\S]*a\.country/, 'a bar, zoomed in');
    await press(tab, 'Escape');
    await tab.mouse.click(...await middle(lineOf(tab, 'GroupAggregate').locator('.track')));
    await settled(tab);
    assert.match(await details.innerText(), /plan node/, 'where no bar is');
    await press(tab, 'Escape');
    await tab.mouse.dblclick(...await middle(bar('SELECT a.country')));
    await settled(tab);
    const [from, to] = await shownTime(tab);

    assert.ok(Math.abs(from - 15.7) < 0.2 && Math.abs(to - 95.1) < 0.2, `${from} to ${to}: that row, not the one selected before`);
    await press(tab, 'Escape', '0');
    const [, y] = await middle(lineOf(tab, 'pg.commit'));

    await tab.mouse.dblclick(1300, y);
    await settled(tab);
    assert.ok((await shownTime(tab))[0] > 99, 'where the details come to lie');
    assert.equal(await tab.evaluate(() => String(getSelection())), '', 'and selects nothing in them');
    await press(tab, 'Escape');
    assert.ok(await details.isHidden());
    await close(tab);
  });

  await t.test('the end of the trace can be seen', async () => {
    const tab = await browser.open(html);
    const track = await tab.locator('.axis').boundingBox();

    await toTheLines(tab);
    for (const text of ['COMMIT', 'pg.commit']) {
      const { x, width } = await lineOf(tab, text).locator('.bar').boundingBox();

      assert.ok(width >= 2 && x + width <= track.x + track.width + 0.1, `${text}: ${x} and ${width} of ${track.x + track.width}`);
    }
    await click(tab, lineOf(tab, 'pg.commit').locator('.label'));
    await press(tab, 'f');
    const marks = (await textsOf(tab, '.axis span')).filter(Boolean);

    assert.equal(new Set(marks).size, marks.length, `marks differ: ${marks}`);
    assert.match(marks[0], /^542\.9\d ms$/);
    const places = await tab.locator('.axis span:not(.bare)').evaluateAll((all) => all.map((mark) => {
      const { left, right } = mark.getBoundingClientRect();

      return [left, right];
    }));

    assert.ok(places.every(([left], at) => at === 0 || left >= places[at - 1][1]), 'none covers another one');
    const [map, shown] = await Promise.all(['.minimap', '.minimap-window'].map((part) => tab.locator(part).boundingBox()));

    assert.ok(shown.width >= 4 && shown.x + shown.width <= map.x + map.width, 'the minimap marks what is shown');
    assert.match(await lineOf(tab, 'pg.commit').locator('.track').getAttribute('title'),
      /^77\.0 µs, from \+542\.910 ms to \+542\.987 ms$/, 'the pointer finds when it was');
    await close(tab);
  });

  await t.test('a row of the table is clicked anywhere, stays where it is, and is marked', async () => {
    const tab = await browser.open(html, { viewport: { width: 1440, height: 900 } });
    const row = tab.locator('tbody tr', { hasText: 'FROM invoice WHERE customer' }).first();

    await press(tab, '2');
    await toTheLines(tab);
    const before = (await row.boundingBox()).y;

    await click(tab, row.locator('td').nth(2));
    assert.match(await tab.locator('.details').innerText(), /60 ×[\s\S]*FROM invoice WHERE customer/);
    assert.ok(Math.abs((await row.boundingBox()).y - before) <= 1, `${(await row.boundingBox()).y}, was ${before}`);
    assert.deepEqual(await textsOf(tab, 'tr.chosen'), [await row.innerText()]);
    await press(tab, 'Escape');
    assert.ok(Math.abs((await row.boundingBox()).y - before) <= 1, 'also when they are closed');
    assert.equal(await tab.locator('tr.chosen').count(), 0);
    await close(tab);
  });

  for (const [width, height] of [[1440, 900], [1024, 768], [390, 844]])
    await t.test(`remarks about nodes without a bar are whole at ${width} pixels`, async () => {
      const tab = await browser.open(html, { viewport: { width, height } });

      await click(tab, lineOf(tab, 'Bitmap Heap Scan on customer a').locator('.label'));
      await press(tab, 'Escape');
      await lineOf(tab, 'Nested Loop').scrollIntoViewIfNeeded();
      for (const text of ['Nested Loop', 'Bitmap Heap Scan on customer a', 'Bitmap Heap Scan on customer b']) {
        const cut = await lineOf(tab, text).locator('.tag').evaluateAll((tags) => tags.filter((tag) =>
          tag.scrollWidth > tag.clientWidth || tag.getBoundingClientRect().right > innerWidth).map((tag) => tag.textContent));

        assert.deepEqual(cut, [], text);
        assert.match(await lineOf(tab, text).innerText(), /times as many came\s*[\d,]+ rows/);
      }
      await close(tab);
    });

  await t.test('a plan says what is a subquery, and how large tables are', async () => {
    const points = new URL('../vectors/findings/subplan.points', import.meta.url).pathname;
    const tab = await browser.open(await browser.writePageOf(points, 'subplan'));

    assert.equal(await tab.locator('.legend-inside').count(), 0, 'no bar of a node was measured');
    await click(tab, tab.getByText('Go to the operation').first());
    const plan = (await textsOf(tab, '.plan-node')).join('\n');

    assert.match(plan, /SubPlan 1: a subquery of the node above, which ran it [\d,]+ times/);
    assert.match(plan, /by its statistics the table has [\d,]+ rows in [\d,]+ pages?/);
    await close(tab);
  });

  await t.test('shares add up, and say of what they are', async () => {
    const tab = await browser.open(html);
    const sumOf = (texts) => texts.reduce((sum, text) => sum + (text.startsWith('<') ? 0 : parseInt(text.replace('~', ''), 10)), 0);
    const shares = await textsOf(tab, '.cause-share b');

    assert.equal(sumOf(shares), 100, shares.join());
    assert.equal(sumOf(await textsOf(tab, '.rest-part b')), parseInt(shares.at(-1), 10));
    assert.equal(sumOf(await textsOf(tab, '.time-legend .dim')), 100);
    assert.match(await tab.locator('.cause-share').first().innerText(), /^~63 %\s+of the trace\s+340 ms$/);
    const words = (await textsOf(tab, '.cause-text')).join();

    assert.match(words, /789 µs each/);
    assert.doesNotMatch(words, /\d us\b/, 'one unit of one name');
    await click(tab, lineOf(tab, 'Nested Loop').locator('.label'));
    assert.match(await tab.locator('.cause-note').innerText(), /^~63 % of the trace:/);
    assert.deepEqual(await textsOf(tab, '.details .plan-time'), ['~13 %', '~58 %', '~<1 %', '~<1 %', '~29 %', '~<1 %']
      .map((share) => `${share} of the statement`));
    assert.match((await textsOf(tab, '.plan-node'))[0].replace(/\s+/g, ' '), / 1 row expected 34$/, 'fewer rows do no harm');
    assert.match((await textsOf(tab, '.plan-node'))[1], /3,044 times more/);
    assert.match(await tab.locator('.details').innerText(), /elapsed_ns is no time of the node/);
    const halves = await tab.locator('.key', { hasText: 'join_filter' }).last().evaluate((key) =>
      [...key.childNodes].filter(({ nodeType }) => nodeType === 3).map(({ data }) => data));

    assert.deepEqual(halves, ['rows_', 'removed_', 'by_', 'join_', 'filter'], 'a long name breaks between words');
    await close(tab);
  });

  await t.test('details say what a statement cost its server, and why it has no plan', async () => {
    const tab = await browser.open(html);
    const details = async () => (await tab.locator('.details').innerText()).replace(/\s+/g, ' ');

    await click(tab, lineOf(tab, 'SELECT a.country').locator('.label'));
    assert.match(await details(),
      /CPU 390 ms of 392 ms Blocks 7 blocks read, 1,763 in memory Waits 1\.50 ms IO, 400 µs Lock by samples/);
    assert.doesNotMatch(await details(), /No plan was recorded/);
    await press(tab, 'Escape');
    await click(tab, lineOf(tab, '60 ×').locator('.label'));
    assert.match(await details(), /No plan was recorded: only statements over osprofiler\.node_min_duration have one\./);
    await click(tab, lineOf(tab, 'COMMIT').locator('.label'));
    assert.doesNotMatch(await details(), /No plan was recorded/, 'a COMMIT never has one');
    await close(tab);
  });

  await t.test('table and waterfall have one median', async () => {
    const tab = await browser.open(html);
    const median = /median ([\d.]+ µs)/.exec(await lineOf(tab, '60 ×').locator('.track').getAttribute('title'))[1];

    await press(tab, '2');
    await click(tab, tab.locator('tbody tr', { hasText: 'db + pg SELECT name' }));
    assert.ok((await tab.locator('.details').innerText()).replace(/\s+/g, ' ').includes(`Median ${median}`));
    assert.match(await tab.locator('.details').innerText(), /from the beginning of the first to the end of the last/);
    await close(tab);
  });

  await t.test('words say which side, and where', async () => {
    const tab = await browser.open(html);

    assert.match(await tab.locator('h1').innerText(), /^SELECT a\.country, count/, 'a host is no name of a trace');
    assert.match(await tab.locator('.meta').innerText(), /^on vm\s/);
    assert.ok((await textsOf(tab, '.time-legend button span:not(.dim)')).includes('statements in the server'));
    await click(tab, lineOf(tab, 'SELECT a.country').locator('.label'));
    const details = (await tab.locator('.details').innerText()).replace(/\s+/g, ' ');

    assert.match(details, /^db database call of the client/);
    assert.match(details, /Where on vm Called by nothing in this trace/);
    await close(tab);
  });

  await t.test('the help has kinds and colours, and a click beside it closes it', async () => {
    const tab = await browser.open(html);
    const help = tab.locator('dialog');

    await press(tab, '?');
    assert.match(await help.innerText(), /db: a statement, from the call of the client[\s\S]*pg: the same statement in the server/);
    assert.match(await help.innerText(), /the bars can be dragged/);
    assert.equal(await help.locator('.help-legend .dot').count(), 7, 'of the kinds that the trace has, and the mark of findings');
    await help.locator('h2').first().click();
    assert.ok(await help.isVisible());
    await tab.mouse.click(20, 400);
    assert.ok(await help.isHidden());
    await close(tab);
  });

  await t.test('another view comes into the window', async () => {
    const tab = await browser.open(html, { viewport: { width: 1280, height: 720 } });
    const top = () => tab.evaluate(() => document.querySelector('main').getBoundingClientRect().top);

    assert.ok(await top() > 600);
    await click(tab, tab.getByRole('tab', { name: 'Statements' }));
    assert.ok(await top() < 200, `${await top()}`);
    assert.ok(await tab.locator('tbody tr').nth(5).isVisible());
    await close(tab);
  });

  await t.test('matches have buttons, and a mistake leaves what was found', async () => {
    const tab = await browser.open(html);

    assert.equal(await tab.getByRole('button', { name: 'Next match' }).count(), 0);
    await tab.locator('#search').fill('COMMIT');
    await settled(tab);
    await click(tab, tab.getByRole('button', { name: 'Next match' }));
    await click(tab, tab.getByRole('button', { name: 'Next match' }));
    assert.equal(await tab.locator('.match-place').innerText(), '2 of 3');
    await click(tab, tab.getByRole('button', { name: 'Previous match' }));
    assert.equal(await tab.locator('.match-place').innerText(), '1 of 3');
    await tab.locator('#search').fill('/COMMIT(/');
    await settled(tab);
    assert.equal((await linesOf(tab)).length, 3);
    assert.match(await tab.getByRole('alert').innerText(), /not a regular expression: unterminated group\.$/);
    await tab.locator('#search').fill('');
    await settled(tab);
    await tab.locator('#search').fill('/[/');
    await settled(tab);
    assert.ok((await linesOf(tab)).length > 10, 'of nothing all');
    const looks = await tab.getByRole('button', { name: 'Errors (0)' }).evaluate((button) => getComputedStyle(button).borderStyle);

    assert.equal(looks, 'dashed', 'what is off does not look as if it could be clicked');
    await close(tab);
  });

  await t.test('the bar on top does not move, and leaves no empty band', async () => {
    const tab = await browser.open(html);
    const searchLeft = async () => (await tab.locator('#search').boundingBox()).x;
    const lefts = [];

    for (const key of ['1', '2', '3']) {
      await press(tab, key);
      lefts.push(Math.round(await searchLeft()));
    }
    assert.equal(new Set(lefts).size, 1, `${lefts}`);
    const band = () => tab.evaluate(() => document.getElementById('toolbar').getBoundingClientRect().bottom -
      document.querySelector('.toolbar-line').getBoundingClientRect().bottom);

    assert.ok(await band() < 14, `${await band()}`);
    await tab.getByLabel(/Minimum duration/).fill('soon');
    await settled(tab);
    const [mistake, line] = await Promise.all(['.mistake', '.toolbar-line'].map((part) => tab.locator(part).boundingBox()));

    assert.equal(mistake.x, line.x, 'a message begins where the bar does');
    await tab.getByLabel(/Minimum duration/).fill('');
    await press(tab, 'Escape', '2');
    await tab.setViewportSize({ width: 1440, height: 500 });
    await tab.evaluate(() => { document.querySelector('tbody tr:nth-child(6)').scrollIntoView({ block: 'center' }); });
    await settled(tab);
    const [bar, head] = await Promise.all(['#toolbar', 'thead th >> nth=1'].map((part) => tab.locator(part).boundingBox()));

    assert.ok(Math.abs(head.y - (bar.y + bar.height)) <= 1 || head.y > bar.y + bar.height, `the head of the table is whole: ${head.y}`);
    await close(tab);
  });

  await t.test('blocks of the flame are as wide as their time, and the scale is said', async () => {
    for (const width of [1440, 390]) {
      const tab = await browser.open(html, { viewport: { width, height: 800 } });

      await press(tab, '3');
      const flame = await tab.locator('.flame').boundingBox();
      const blocks = await tab.locator('.block').evaluateAll((all) => all.map((block) => {
        const { left, right, top } = block.getBoundingClientRect();

        return [left, right, top];
      }));

      assert.deepEqual(blocks.filter(([, right]) => right > flame.x + flame.width + 1), [], 'none is cut');
      assert.deepEqual(blocks.filter(([left, right, top]) => blocks.some(([from, , level]) =>
        level === top && from > left && from < right - 0.5)), [], 'none covers another one');
      assert.match(await tab.locator('.flame-crumbs').innerText(), /^All · the whole width is \d+ ms$/);
      await close(tab);
    }
  });

  await t.test('on a telephone the legend is whole, and so is the axis', async () => {
    const tab = await browser.open(html, { viewport: { width: 390, height: 844 } });
    const cut = await tab.locator('.time-legend button').evaluateAll((all) =>
      all.filter((button) => button.getBoundingClientRect().right > innerWidth).length);

    assert.equal(cut, 0);
    await toTheLines(tab);
    const { x, width } = await tab.locator('.axis').boundingBox();
    const marks = await tab.locator('.axis span').evaluateAll((all) =>
      all.map((mark) => mark.getBoundingClientRect().right));

    assert.equal((await textsOf(tab, '.axis span')).at(-1), '500 ms');
    assert.ok(marks.every((right) => right <= x + width), `${marks}, ${x + width}`);
    await press(tab, '2');
    const [head, row] = await Promise.all(['thead', 'tbody tr'].map((part) => tab.locator(part).first().boundingBox()));

    assert.ok((await tab.locator('thead th').first().boundingBox()).y <= head.y + 1 && row.y >= head.y + head.height - 1,
      'the head of the table is above it');
    await close(tab);
  });

  await t.test('printed, the lines have their axis', async () => {
    const tab = await browser.open(html);

    await tab.emulateMedia({ media: 'print' });
    await settled(tab);
    assert.ok(await tab.locator('.axis span').nth(1).isVisible());
    assert.ok(await tab.locator('#search').isHidden());
    await close(tab);
  });
});
