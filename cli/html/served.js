// SPDX-License-Identifier: Apache-2.0
//
// What is on the page of a trace only if `osprofiler web` serves it: the way back to the
// list, and what went wrong while the trace was read.

import { trace } from './trace.js';
import { el } from './dom.js';
import { listAddress, markedIds, toggleMark } from './marks.js';

function readServed() {
  const element = document.getElementById('served');

  if (element === null)
    return null;
  element.remove();
  return JSON.parse(element.textContent);
}

const served = readServed();

export const servedMessages = served === null ? [] : served.messages;

export const goToList = served === null ? undefined : () => location.assign(listAddress());

function markToCompare() {
  const id = String(trace.base_id);

  if (!markedIds().includes(id))
    toggleMark(id);
  goToList();
}

export const servedLinks = () => served !== null && el('nav.way-back', {},
  el('a', { href: listAddress(), title: 'Back to the list (b)' }, '← All traces'),
  el('button.link', { type: 'button', title: 'Mark it, and choose another one', onclick: markToCompare },
    'Compare with another'));
