// SPDX-License-Identifier: Apache-2.0
//
// pictures.mjs FOLDER
//     Makes the pictures of the page in README and docs: page-light.webp and
//     page-dark.webp, and page-plan.webp with the details of a statement; and of
//     `osprofiler web`: list-light.webp, and list-two.webp of two traces side by side.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser, Web, close, ready, settled } from './browser.mjs';
import { makeTrace } from './make_traces.mjs';

const QUALITY = 74;

async function takePicture(tab, file) {
  const session = await tab.context().newCDPSession(tab);
  const { data } = await session.send('Page.captureScreenshot',
    { format: 'webp', quality: QUALITY });

  writeFileSync(file, Buffer.from(data, 'base64'));
}

async function showPlan(tab) {
  await tab.locator('.line:visible', { hasText: 'SELECT o.id' }).nth(1).locator('.label').click();
  await settled(tab);
  await tab.evaluate(() => {
    const panel = document.getElementById('details');
    const heads = [...panel.querySelectorAll('h3')];

    document.getElementById('toolbar').scrollIntoView();
    panel.scrollTop = heads.find((head) => head.textContent === 'Statement').offsetTop - 70;
  });
  await settled(tab);
}

const PICTURES = [
  ['page-light', 'light', async () => {}],
  ['page-dark', 'dark', async () => {}],
  ['page-plan', 'light', showPlan],
];

async function keepPicture(tab, name) {
  await takePicture(tab, join(process.argv[2], `${name}.webp`));
  if (process.env.PNG)
    await tab.screenshot({ path: join(process.env.PNG, `${name}.png`) });
}

// The list, whose collector has a name that means something, and two traces of it.
async function showWeb(browser) {
  for (const name of ['list', 'slow', 'faster'])
    await makeTrace(name, join(browser.dir, `${name}.points`));
  const web = await Web.start(...['list', 'slow', 'faster'].map((name) =>
    `file://${join(browser.dir, `${name}.points`)}`));
  const tab = await browser.enter(web,
    { colorScheme: 'light', viewport: { width: 1240, height: 640 }, deviceScaleFactor: 1.25 });

  await tab.evaluate(() => { document.querySelector('.meta').textContent = 'redis://collector'; });
  await tab.locator('tbody input').nth(2).click();
  await tab.locator('tbody a').nth(5).focus();
  await keepPicture(tab, 'list-light');
  await tab.goto(new URL('compare?a=5b3c1e00-1111-4222-8333-444455556666' +
    '&b=6c4d2f11-1111-4222-8333-444455556666', tab.url()).href);
  await tab.waitForSelector('.sides');
  await ready(tab);
  await keepPicture(tab, 'list-two');
  await close(tab);
  await web.stop();
}

const browser = await Browser.start();

try {
  await showWeb(browser);
  const html = await browser.writePage('slow');

  for (const [name, colorScheme, prepare] of PICTURES) {
    const tab = await browser.open(html, {
      colorScheme, viewport: { width: 1240, height: 1060 }, deviceScaleFactor: 1.25,
    });

    await prepare(tab);
    await keepPicture(tab, name);
    await close(tab);
  }
} finally {
  await browser.stop();
}
