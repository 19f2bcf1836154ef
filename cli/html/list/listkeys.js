// SPDX-License-Identifier: Apache-2.0
//
// The keyboard of the list, and the list of its keys.

import { closeOutside, el } from '../dom.js';

const HELP = [
  ['↑ ↓ Home End', 'another trace'],
  ['Enter', 'open the trace'],
  ['c', 'mark the trace to compare it'],
  ['x', 'compare the two that are marked'],
  ['← →', 'page before and next page'],
  ['/', 'search; Enter opens a trace id'],
  ['e', 'only traces with errors'],
  ['r', 'read the list again'],
  ['Esc', 'leave a field, clear the filter'],
  ['t', 'light or dark'],
  ['?', 'this list'],
];

const help = el('dialog.help', { 'aria-label': 'Keys', onclick: closeOutside },
  el('form', { method: 'dialog' },
    el('div.section-head', {}, el('h2', {}, 'Keys'),
      el('button.quiet', { type: 'submit', 'aria-label': 'Close' }, '✕')),
    el('dl', {}, HELP.map(([keys, words]) =>
      el('div', {}, el('dt', {}, el('kbd', {}, keys)), el('dd', {}, words))))));

export const showHelp = () => help.showModal();

// actions: what each key does.
export function makeKeys(actions) {
  document.addEventListener('keydown', (event) => {
    const typing = event.target.closest('input:not([type="checkbox"]), select, dialog');
    const action = actions[event.key];

    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest('dialog'))
      return;
    if (event.key === 'Escape' && typing) {
      event.target.blur();
      return;
    }
    if (typing || !action)
      return;
    event.preventDefault();
    action();
  });
  return help;
}
