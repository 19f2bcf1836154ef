// SPDX-License-Identifier: Apache-2.0
//
// pictures.mjs FOLDER
//     Makes the pictures of the page in README and docs: page-light.webp and
//     page-dark.webp, and page-plan.webp with the details of a statement; and of
//     `osprofiler web`: list-light.webp, and list-two.webp of two traces side by side;
//     and terminal.webp: `osprofiler trace show` on a terminal.

import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Browser, close, ready, settled } from './browser.mjs';
import { Web, environment } from './pages.mjs';
import { makeTrace } from './make_traces.mjs';

const QUALITY = 74;
const TERMINAL = { cols: 124, rows: 46 };

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

// xterm.js draws what the command writes to a terminal of that size, from the top.
async function showTerminal(browser) {
  const { cols, rows } = TERMINAL;
  const shown = spawnSync('script', ['-qec',
    `stty cols ${cols} rows ${rows}; osprofiler trace show --no-pager last`, '/dev/null'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...environment, TERM: 'xterm-256color', LC_ALL: 'C.UTF-8',
      PATH: `${join(process.env.OSP_BUILD, 'bin')}:${process.env.PATH}`,
      OSPROFILER_CONNECTION_STRING: `file://${join(browser.dir, 'slow.points')}` },
  }).stdout;
  const tab = await browser.newTab({ viewport: { width: 1003, height: 730 }, deviceScaleFactor: 1.25 }, () => true);
  const modules = createRequire(process.env.OSP_MODULES);

  await tab.setContent('<body style="margin: 0; padding: 12px; background: #14171a"></body>');
  await tab.addStyleTag({ path: modules.resolve('@xterm/xterm/css/xterm.css') });
  await tab.addScriptTag({ path: modules.resolve('@xterm/xterm/lib/xterm.js') });
  await tab.evaluate(([text, size]) => {
    const terminal = new globalThis.Terminal({ ...size, scrollback: 0, fontFamily: 'DejaVu Sans Mono',
      fontSize: 13, cursorInactiveStyle: 'none', theme: { background: '#14171a', foreground: '#d8dce0' } });

    terminal.open(document.body);
    return new Promise((done) => { terminal.write(text, done); });
  }, [`\x1b[1m$ osprofiler trace show last\x1b[0m\r\n${shown.split('\n').slice(0, rows - 1).join('\n')}`, TERMINAL]);
  await settled(tab);
  await keepPicture(tab, 'terminal');
  await close(tab);
}

const browser = await Browser.start();

try {
  await showWeb(browser);
  await showTerminal(browser);
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
