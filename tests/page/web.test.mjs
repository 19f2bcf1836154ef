// SPDX-License-Identifier: Apache-2.0
//
// web.test.mjs
//     What a person does with `osprofiler web`: the list of traces, one trace, two of them.

import test from 'node:test';
import assert from 'node:assert/strict';
import { mkdirSync, renameSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser, close, linesOf, ready, settled, textsOf } from './browser.mjs';
import { Web } from './pages.mjs';
import { makeTrace } from './make_traces.mjs';

// The list was read again after something was done.
async function listed(tab, doing) {
  const answer = tab.waitForResponse((response) => /\/traces\?/.test(response.url()));

  await doing();
  await answer;
  await tab.waitForSelector('body:not([aria-busy])');
  await settled(tab);
}

const opened = async (tab, selector) => {
  await tab.waitForSelector(selector);
  await ready(tab);
};

// In the second collector, where the beginning of an id is not looked for.
const SLOW = '5b3c1e00-1111-4222-8333-444455556666';

const rows = (tab) => tab.locator('.traces tbody tr');
const operations = (tab) => textsOf(tab, '.traces tbody .operation');
const focused = (tab) => tab.evaluate(() =>
  document.activeElement.closest('tr')?.dataset.id.slice(0, 8) ?? document.activeElement.tagName);
const wide = (tab) => tab.evaluate(() => document.documentElement.scrollWidth);

test('the browser for collectors', async (t) => {
  const browser = await Browser.start();
  const made = async (name) => {
    const points = join(browser.dir, `${name}.points`);

    await makeTrace(name, points);
    return points;
  };
  const list = await made('list');
  const web = await Web.start(`file://${list}`, `file://${await made('slow')}`);

  t.after(async () => {
    await web.stop();
    await browser.stop();
  });

  await t.test('the newest traces, page by page', async () => {
    const tab = await browser.enter(web);

    assert.equal(await tab.title(), 'Traces · OSProfiler');
    assert.doesNotMatch(tab.url(), /token|[?#]/, 'the token is not in the address');
    assert.equal(await tab.evaluate(() => document.cookie), '', 'no script sees the cookie');
    assert.equal(await rows(tab).count(), 100);
    assert.match((await rows(tab).nth(0).innerText()).replace(/\s+/g, ' '),
      /^2026-11-28 09:30:12 db SELECT c\.name.* reports 24\.1 ms 1 0 $/);
    assert.match(await tab.locator('.meta').innerText(), /list\.points$/);
    assert.match(await tab.locator('.list-state').innerText(), /^100 traces, page 1, read at /);
    assert.ok(await tab.getByRole('button', { name: 'Previous' }).isDisabled());
    await listed(tab, () => tab.getByRole('button', { name: 'Next' }).click());
    assert.equal(await rows(tab).nth(0).getAttribute('data-id'), '00000150-1111-4222-8333-444455556666');
    await listed(tab, () => tab.keyboard.press('ArrowRight'));
    assert.equal(await rows(tab).count(), 50);
    assert.ok(await tab.getByRole('button', { name: 'Next' }).isDisabled());
    await listed(tab, () => tab.goBack());
    assert.equal(await rows(tab).nth(0).getAttribute('data-id'), '00000150-1111-4222-8333-444455556666');
    await listed(tab, () => tab.keyboard.press('ArrowLeft'));
    assert.equal(await rows(tab).nth(0).getAttribute('data-id'), '00000250-1111-4222-8333-444455556666');
    await close(tab);
  });

  await t.test('search and filters', async () => {
    const tab = await browser.enter(web);

    await listed(tab, async () => {
      await tab.keyboard.press('/');
      await tab.keyboard.type('group by');
    });
    const found = await operations(tab);

    assert.ok(found.length > 10 && found.length < 50, `${found.length} found`);
    assert.ok(found.every((text) => /GROUP BY/.test(text)));
    assert.match(tab.url(), /\?text=group\+by$/);
    await listed(tab, () => tab.reload());
    assert.deepEqual(await operations(tab), found, 'the address keeps the search');
    assert.equal(await tab.locator('#search').inputValue(), 'group by');
    await listed(tab, () => tab.getByRole('button', { name: 'Clear' }).click());
    assert.equal(await rows(tab).count(), 100);
    await listed(tab, () => tab.keyboard.press('e'));
    const failed = await textsOf(tab, '.traces tbody .errors');

    assert.ok(failed.length > 0 && failed.every((text) => text === '1'), String(failed));
    await listed(tab, () => tab.keyboard.press('Escape'));
    await listed(tab, () => tab.getByLabel('Service').selectOption('keystone'));
    assert.ok((await textsOf(tab, '.traces tbody .service')).every((text) => text === 'keystone'));
    await listed(tab, async () => {
      await tab.getByLabel(/Minimum duration/).fill('500ms');
      await tab.keyboard.press('Tab');
    });
    const slow = await textsOf(tab, '.traces tbody .duration');

    assert.ok(slow.length > 0 && slow.every((text) => /^[5-9]\d\d ms$|^\d\.\d\d s$/.test(text)), String(slow));
    await listed(tab, () => tab.getByRole('button', { name: 'Clear' }).click());
    await listed(tab, async () => {
      await tab.getByLabel(/^Since/).fill('2026-11-28 09:29');
      await tab.keyboard.press('Tab');
    });
    assert.ok(await rows(tab).count() < 15);
    await listed(tab, async () => {
      await tab.getByLabel(/^Since/).fill('soon');
      await tab.keyboard.press('Tab');
    });
    assert.match(await tab.getByRole('alert').innerText(), /^since must be a date/, 'what is wrong is said');
    tab.bad = tab.bad.filter((text) => !/status of 400/.test(text));
    await close(tab);
  });

  await t.test('sorted by duration', async () => {
    const tab = await browser.enter(web);

    await listed(tab, () => tab.getByRole('button', { name: 'Duration' }).click());
    const times = (await textsOf(tab, '.traces tbody .duration')).map((text) =>
      parseFloat(text) * (/ms/.test(text) ? 1 : 1000));

    assert.deepEqual(times, [...times].sort((a, b) => b - a));
    assert.equal(await tab.locator('th[aria-sort]').innerText(), 'Duration ▾');
    await listed(tab, () => tab.keyboard.press('ArrowRight'));
    assert.equal(await rows(tab).count(), 100);
    await close(tab);
  });

  await t.test('a trace is opened, and the list comes back as it was', async () => {
    const tab = await browser.enter(web);

    await listed(tab, () => tab.keyboard.press('e'));
    const ids = await rows(tab).evaluateAll((all) => all.map((row) => row.dataset.id));

    await rows(tab).nth(1).click({ position: { x: 300, y: 15 } });
    await opened(tab, '.way-back');
    assert.match(await tab.locator('.meta').innerText(), new RegExp(ids[1]));
    assert.deepEqual((await linesOf(tab)).length, 2);
    await listed(tab, () => tab.getByText('← All traces').click());
    assert.deepEqual(await rows(tab).evaluateAll((all) => all.map((row) => row.dataset.id)), ids);
    await listed(tab, async () => {
      await tab.locator('#search').fill(SLOW);
    });
    await tab.locator('#search').press('Enter');
    await opened(tab, '.way-back');
    assert.match(await tab.locator('h1').innerText(), /POST \/reports\/monthly/, 'by an id, of another collector');
    await close(tab);
  });

  await t.test('the browser goes back step by step', async () => {
    const tab = await browser.enter(web);

    await listed(tab, () => tab.keyboard.press('e'));
    await listed(tab, () => tab.getByRole('button', { name: 'Duration' }).click());
    const sorted = await operations(tab);

    await rows(tab).nth(0).locator('a').click();
    await opened(tab, '.way-back');
    await tab.locator('.line:visible .label').last().click();
    await settled(tab);
    assert.ok(await tab.locator('.details').isVisible());
    await tab.evaluate(() => history.back());
    await tab.locator('.details').waitFor({ state: 'hidden' });
    assert.equal(await tab.locator('.way-back').count(), 1, 'still in the trace');
    await listed(tab, () => tab.goBack());
    assert.deepEqual(await operations(tab), sorted, 'then the list as it was');
    await listed(tab, () => tab.goBack());
    assert.equal(await tab.locator('th[aria-sort]').innerText(), 'Begun (UTC) ▾', 'in its order before');
    assert.match(tab.url(), /\?errors=1$/);
    await listed(tab, () => tab.goBack());
    assert.equal(await rows(tab).count(), 100, 'without the filter');
    assert.doesNotMatch(tab.url(), /\?/);
    await close(tab);
  });

  await t.test('everything by keyboard', async () => {
    const tab = await browser.enter(web);
    const press = async (...keys) => {
      for (const key of keys)
        await tab.keyboard.press(key);
      await settled(tab);
    };

    await press('ArrowDown');
    assert.equal(await focused(tab), '00000250');
    await press('ArrowDown', 'ArrowDown');
    assert.equal(await focused(tab), '00000248');
    assert.match(await rows(tab).nth(2).evaluate((row) => getComputedStyle(row).outlineStyle), /solid/);
    await press('c');
    assert.match(await tab.locator('.marks').innerText(), /^1 trace is marked/);
    await press('End');
    assert.equal(await focused(tab), '00000151');
    await press('Home');
    assert.equal(await focused(tab), '00000250');
    await press('?');
    assert.match(await tab.locator('dialog').innerText(), /compare the two that are marked/);
    await press('Escape');
    const background = () => tab.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const before = await background();

    await press('t');
    assert.notEqual(await background(), before, 'the other theme');
    await tab.keyboard.press('Enter');
    await opened(tab, '.way-back');
    assert.notEqual(await background(), before, 'on all pages');
    await press('t');
    await listed(tab, () => tab.keyboard.press('b'));
    await press('ArrowDown', 'c');
    await tab.keyboard.press('x');
    await opened(tab, '.sides');
    assert.deepEqual(await textsOf(tab, '.side h2 a'), ['00000248-1111-4222-8333-444455556666',
      '00000250-1111-4222-8333-444455556666']);
    await listed(tab, () => tab.keyboard.press('b'));
    assert.equal(await tab.locator('.marks:visible').count(), 0, 'no mark is left');
    await close(tab);
  });

  await t.test('two traces side by side', async () => {
    const tab = await browser.enter(web);

    await rows(tab).nth(3).locator('input').click();
    await rows(tab).nth(5).getByRole('link').focus();
    await tab.goto(new URL(`trace?id=${SLOW}`, tab.url()).href);
    await opened(tab, '.way-back');
    await listed(tab, () => tab.getByRole('button', { name: 'Compare with another' }).click());
    assert.match(await tab.locator('.marks').innerText(), /^2 traces are marked/);
    await tab.getByRole('link', { name: 'Compare', exact: true }).click();
    await opened(tab, '.sides');
    assert.match((await textsOf(tab, '.side'))[1], /5b3c1e00[\s\S]*1\.84 s[\s\S]*400 operations\s*1 failed/);
    assert.match(await tab.locator('.difference').innerText(), /^B took 1\.\d\d s longer \(\d+\.\d times as long\)/);
    const first = tab.locator('.compared tbody tr').nth(0);

    assert.match((await first.innerText()).replace(/\s+/g, ' '), /^pg SELECT o\.id.* \+6\d\d ms – – 1 6\d\d ms/);
    await first.getByRole('button').click();
    assert.match(await tab.locator('.more-row:visible').innerText(),
      /FROM orders o[\s\S]*A did not run[\s\S]*B total 623 ms[\s\S]*Nested Loop/);
    const shown = await tab.locator('.shape-name').count();

    await tab.getByRole('button', { name: 'All operations' }).click();
    assert.ok(await tab.locator('.shape-name').count() >= shown);
    assert.match((await textsOf(tab, '.compared-errors tbody tr'))[0], /unique_violation/);
    await tab.getByRole('link', { name: 'Swap A and B' }).click();
    await tab.waitForFunction(() => /^B took .* less/.test(document.querySelector('.difference')?.textContent));
    assert.match((await textsOf(tab, '.side'))[0], /5b3c1e00/);
    await close(tab);
  });

  await t.test('two users at once', async () => {
    const one = await browser.enter(web);
    const two = await browser.enter(web, { colorScheme: 'dark' });

    await listed(one, () => one.keyboard.press('e'));
    await rows(two).nth(0).locator('input').click();
    await one.reload();
    await ready(one);
    assert.equal(await one.locator('.marks:visible').count(), 0, 'marks are one visit\'s own');
    await close(one);
    await close(two);
  });

  for (const [width, height] of [[1024, 768], [390, 780]])
    await t.test(`at ${width} pixels`, async () => {
      const tab = await browser.enter(web, { viewport: { width, height }, hasTouch: width < 500 });

      assert.ok(await wide(tab) <= width, 'the list stands out to no side');
      const box = await rows(tab).nth(0).boundingBox();

      assert.ok(box.x >= 0 && box.x + box.width <= width);
      if (width < 500) {
        await tab.getByRole('button', { name: 'Filters' }).click();
        await listed(tab, () => tab.getByRole('button', { name: 'Errors', exact: true }).click());
      }
      const base = tab.url().replace(/\?.*/, '');

      await tab.goto(`${base}compare?a=${SLOW}&b=00000250`);
      await opened(tab, '.sides');
      assert.ok(await wide(tab) <= width, 'nor do two traces');
      await tab.goto(`${base}trace?id=nosuch`);
      await opened(tab, 'h1');
      assert.match(await tab.locator('.notice').innerText(), /no trace 'nosuch'/);
      assert.ok(await wide(tab) <= width, 'nor does a problem');
      tab.bad = tab.bad.filter((text) => !/status of 404/.test(text));
      await close(tab);
    });

  await t.test('hostile traces run nothing', async (part) => {
    const hostile = await Web.start(`file://${await made('hostileList')}`);

    part.after(() => hostile.stop());
    const tab = await browser.enter(hostile);
    const count = await rows(tab).count();
    const base = tab.url();

    assert.ok(count > 10);
    const shown = await tab.locator('body').innerText();

    assert.match(shown, /<\/script><script>globalThis/, 'texts are shown as they are');
    assert.match(shown, /⟨U\+202E⟩/, 'but for what cannot be seen');
    assert.doesNotMatch(shown, /[\u202a-\u202e\u2066-\u2069\u200b\u2028\u2029\u0000-\u0008]/);
    for (let row = 0; row < count; row++) {
      const address = await rows(tab).nth(row).locator('a').getAttribute('href');

      assert.match(address, /^trace\?id=[^&#<>"]+$/);
      await rows(tab).nth(row).locator('a').click();
      await opened(tab, '.way-back');
      if (/%00/.test(address))
        assert.match(await tab.locator('.notice').innerText(), /contains the character NUL .*, which no trace can be found by/, 'no id has a NUL');
      else
        assert.equal(await tab.locator('.fact.count').innerText(), '1 operation');
      assert.equal(await tab.evaluate(() => globalThis.pwned), undefined);
      await listed(tab, () => tab.getByText('← All traces').click());
    }
    await rows(tab).nth(0).locator('input').click();
    await rows(tab).nth(1).locator('input').click();
    await tab.getByRole('link', { name: 'Compare', exact: true }).click();
    await opened(tab, '.sides');
    await tab.goto(`${base}trace?id=${encodeURIComponent('</script><script>globalThis.pwned = true</script>x')}`);
    await opened(tab, 'h1');
    assert.equal(await tab.evaluate(() => globalThis.pwned), undefined, 'nothing ran');
    assert.equal(await tab.locator('script, img, svg, iframe').count(), 1, 'no markup came of a text');
    tab.bad = tab.bad.filter((text) => !/status of 40[04]/.test(text));
    await close(tab);
  });

  await t.test('nor does the comparison of hostile traces', async (part) => {
    const pair = await Web.start(`file://${await made('hostilePair')}`);

    part.after(() => pair.stop());
    const tab = await browser.enter(pair);

    for (const line of [0, 1])
      await rows(tab).nth(line).locator('input').click();
    await tab.getByRole('link', { name: 'Compare', exact: true }).click();
    await opened(tab, '.sides');
    await tab.getByRole('button', { name: 'All operations' }).click();
    for (const name of await tab.locator('.shape-name').all())
      await name.click();
    const shown = await tab.locator('body').innerText();

    assert.ok(await tab.locator('.more-row:visible').count() > 20);
    assert.ok(await tab.locator('.compared-errors tbody tr').count() > 20);
    assert.ok(await tab.locator('.both code').count() > 20, 'plans too');
    assert.match(shown, /onerror="globalThis\.pwned/, 'texts are shown as they are');
    assert.match(shown, /⟨U\+202E⟩/, 'but for what cannot be seen');
    assert.doesNotMatch(shown, /[\u202a-\u202e\u2066-\u2069\u200b\u2028\u2029\u0000-\u0008]/);
    await tab.getByRole('link', { name: 'Swap A and B' }).click();
    await opened(tab, '.sides');
    assert.equal(await tab.evaluate(() => globalThis.pwned), undefined, 'nothing ran');
    assert.equal(await tab.locator('script, img, svg, iframe').count(), 1, 'no markup came of a text');
    assert.ok(await wide(tab) <= 1440, 'nothing stands out to the side');
    await tab.locator('.side h2 a').first().click();
    await opened(tab, '.way-back');
    assert.match(await tab.locator('.meta').innerText(), /<img src=x onerror/, 'its link leads to the trace');
    await close(tab);
  });

  await t.test('a collector goes, comes back and is emptied', async (part) => {
    const here = await made('few');
    const away = `${here}.away`;
    const few = await Web.start(`file://${here}`);

    part.after(() => few.stop());
    const tab = await browser.enter(few);

    assert.equal(await rows(tab).count(), 1);
    renameSync(here, away);
    mkdirSync(here);
    await listed(tab, () => tab.keyboard.press('r'));
    assert.match(await tab.getByRole('alert').innerText(), /few\.points.*asked again every few seconds/);
    assert.equal(await rows(tab).count(), 1, 'what was read stays');
    rmdirSync(here);
    renameSync(away, here);
    await listed(tab, async () => {});
    assert.equal(await tab.getByRole('alert').count(), 0, 'it comes back by itself');
    writeFileSync(here, '');
    await listed(tab, () => tab.keyboard.press('r'));
    assert.match(await tab.locator('.nothing').innerText(),
      /^The store is empty: its traces were removed\. At \d\d:\d\d:\d\d it had some\.$/);
    unlinkSync(here);
    await listed(tab, () => tab.keyboard.press('r'));
    assert.match(await tab.locator('.nothing').innerText(), /^The store is gone: it was deleted, or moved\. At /);
    const fresh = await browser.enter(few);

    assert.equal(await fresh.locator('.nothing').innerText(), 'There is no trace yet.', 'who saw none');
    await close(fresh);
    await few.stop();
    await tab.keyboard.press('r');
    await tab.getByText('The server does not answer. Was it ended?').waitFor();
    tab.bad = tab.bad.filter((text) => !/status of 502|ERR_CONNECTION_REFUSED/.test(text));
    await close(tab);
  });

  await t.test('10,000 traces', async (part) => {
    const many = await Web.start(`file://${await made('list10k')}`);

    part.after(() => many.stop());
    const tab = await browser.enter(many);

    assert.equal(await rows(tab).count(), 100, 'a page has 100, however many there are');
    await listed(tab, () => tab.keyboard.press('ArrowRight'));
    assert.equal(await rows(tab).nth(0).getAttribute('data-id'), '00009900-1111-4222-8333-444455556666');
    await listed(tab, () => tab.locator('#search').fill('a chair'));
    assert.equal(await rows(tab).count(), 100);
    assert.ok((await operations(tab)).every((text) => /a chair/.test(text)), 'the whole list is searched');
    await close(tab);
  });
});
