// SPDX-License-Identifier: Apache-2.0
//
// pictures.mjs FOLDER
//     Makes the pictures of the page in README and docs: page-light.webp and
//     page-dark.webp, and page-plan.webp with the details of a statement.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Browser, close, settled } from './browser.mjs';

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

const browser = await Browser.start();

try {
  const html = await browser.writePage('slow');

  for (const [name, colorScheme, prepare] of PICTURES) {
    const tab = await browser.open(html, {
      colorScheme, viewport: { width: 1240, height: 1060 }, deviceScaleFactor: 1.25,
    });

    await prepare(tab);
    await takePicture(tab, join(process.argv[2], `${name}.webp`));
    if (process.env.PNG)
      await tab.screenshot({ path: join(process.env.PNG, `${name}.png`) });
    await close(tab);
  }
} finally {
  await browser.stop();
}
