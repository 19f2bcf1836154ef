// SPDX-License-Identifier: Apache-2.0
//
// The width of the panel of details, which is dragged at its edge, or changed by the
// arrow keys when the edge has the keyboard.

import { el } from './dom.js';
import { followPointer } from './timeline.js';

const NARROWEST_PANEL = 320;
const KEY_STEP = 40;

let panelWidth = 470;

function setPanelWidth(handle, width) {
  panelWidth = Math.round(Math.max(NARROWEST_PANEL, Math.min(width, window.innerWidth * 0.7)));
  document.documentElement.style.setProperty('--panel', `${panelWidth}px`);
  handle.setAttribute('aria-valuenow', String(panelWidth));
  window.dispatchEvent(new Event('resize'));
}

export function makeHandle() {
  const handle = el('div.panel-edge', {
    role: 'separator', tabIndex: 0, 'aria-orientation': 'vertical', 'aria-label': 'Width of the details',
    'aria-valuemin': String(NARROWEST_PANEL), 'aria-valuenow': String(panelWidth),
    title: 'Drag, or ← → for another width',
    onpointerdown: (event) => {
      event.preventDefault();
      followPointer(handle, event, (moved) => setPanelWidth(handle, window.innerWidth - moved.clientX));
    },
    onkeydown: (event) => {
      const step = { ArrowLeft: KEY_STEP, ArrowRight: -KEY_STEP }[event.key];

      if (!step)
        return;
      event.preventDefault();
      event.stopPropagation();
      setPanelWidth(handle, panelWidth + step);
    },
  });

  return handle;
}
