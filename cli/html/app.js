// SPDX-License-Identifier: Apache-2.0
//
// Puts the page together.

import { el, replaceIn } from './dom.js';
import { makeHead } from './head.js';
import { makeCauses } from './causes.js';
import { makeTimeline } from './timeline.js';
import { makeWaterfall, showTool } from './waterfall.js';
import { makeShapes } from './shapes.js';
import { makeFlame } from './flame.js';
import { makeDetails, focusResults } from './details.js';
import { makeToolbar } from './toolbar.js';
import { makeKeys, showHelp } from './keys.js';
import { makeTheme, switchTheme } from './theme.js';
import { makeBackButton } from './backbutton.js';

function headButtons() {
  return [
    el('button.quiet', { type: 'button', title: 'Light or dark (t)', onclick: switchTheme,
      'aria-label': 'Light or dark' }, '◐'),
    el('button.quiet', { type: 'button', title: 'Keys, colours and words (?)', onclick: showHelp,
      'aria-label': 'Keys, colours and words' }, '?'),
  ];
}

const skipLink = () => el('button.skip', {
  type: 'button', onclick: () => { showTool(); focusResults(); },
}, 'Skip to the operations');

const panelOf = (name, content) => el('div.view', {
  role: 'tabpanel', id: `view-${name}`, 'aria-labelledby': `tab-${name}`,
}, content);

function makePage() {
  const drawTimeline = makeTimeline();
  const waterfall = makeWaterfall();

  makeTheme(drawTimeline);
  replaceIn(document.getElementById('page'),
    skipLink(),
    makeHead(headButtons()),
    makeCauses(),
    makeToolbar(),
    el('main', {},
      panelOf('waterfall', waterfall.element),
      panelOf('shapes', makeShapes()),
      panelOf('flame', makeFlame())),
    makeDetails(),
    makeKeys());
  document.getElementById('page').className = '';
  waterfall.draw();
  drawTimeline();
  makeBackButton();
  requestAnimationFrame(() => { document.documentElement.dataset.ready = 'yes'; });
}

makePage();
