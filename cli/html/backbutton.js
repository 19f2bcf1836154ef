// SPDX-License-Identifier: Apache-2.0
//
// The browser's Back and Forward. Whatever opens something makes a step of the history:
// an operation, another view, a filter, a block of the flame. Moving by arrow keys,
// typing on, closing and zooming make none. A step holds all that view.js has but the
// part of the time, and how far the page was scrolled when it was left. The address names the
// operation whose details are open.

import { trace, idOf, rowOfId } from './trace.js';
import { view, NO_FILTER, onChange, changed } from './view.js';
import { lineOfItem, revealRow } from './lines.js';
import { selectRow } from './waterfall.js';
import { escaped } from './marks.js';

const ADDRESS_ID_MAX = 500;  // a browser takes seconds for an address of a megabyte
const ADDRESS_DELAY = 250;   // ms; browsers count how often the address changes

// Each letter of these is no step of its own.
const TYPED = new Set(['text', 'min']);

let last = null;      // the step that is shown
let asked = false;
let scrollNow = 0;    // before the event that makes a step
let addressTimer = 0;
const scrolls = [];   // of each step that was left, by its number

const readStep = (number) => ({
  trace: trace.base_id, count: trace.count, number,
  tab: view.tab, returnTab: view.returnTab, selected: view.selected, group: view.group,
  alike: view.alike, details: view.details, opened: view.opened, flame: view.flame, cause: view.cause,
  filter: { ...view.filter },
});

// What a person sees of a step.
const lookOf = ({ tab, details, selected, group, alike, flame, filter }) =>
  JSON.stringify([tab, details ? [selected, group, alike] : null, flame, filter]);

const hasAddress = (row) => row >= 0 && idOf(row).length <= ADDRESS_ID_MAX;

const addressOf = ({ details, selected }) => location.pathname + location.search +
  (details && hasAddress(selected) ? `#op=${escaped(idOf(selected))}` : '');

const isSet = ({ filter }, name) => filter[name] !== NO_FILTER[name];

const opensSomething = (next) => next.tab !== last.tab || next.opened !== last.opened ||
  next.flame.length > last.flame.length ||
  Object.keys(NO_FILTER).some((name) => isSet(next, name) &&
    (TYPED.has(name) ? !isSet(last, name) : next.filter[name] !== last.filter[name]));

function noteStep() {
  const next = readStep(last.number);

  asked = false;
  if (opensSomething(next) && pushStep({ ...next, number: next.number + 1 }))
    next.number++;
  last = next;
  clearTimeout(addressTimer);
  addressTimer = setTimeout(showAddress, ADDRESS_DELAY);
}

// What makes no step changes the address, too.
function showAddress() {
  try {
    if (location.pathname + location.search + location.hash !== addressOf(last))
      history.replaceState(last, '', addressOf(last));
  } catch { /* As for a step. */ }
}

// False: a frame without rights, or a browser that counts calls, does not allow it. Then Back
// does what it does without this module.
function pushStep(next) {
  try {
    scrolls[last.number] = scrollNow;
    history.replaceState(last, '');
    history.pushState(next, '', addressOf(next));
    return true;
  } catch {
    return false;
  }
}

// All changes of one event are one step.
function askForStep() {
  if (!asked)
    queueMicrotask(noteStep);
  asked = true;
}

function restoreStep(step) {
  const { tab, returnTab, selected, group, alike, details, opened, flame, cause } = step;

  Object.assign(view, { tab, returnTab, selected, group, alike, details, opened, flame, cause });
  Object.assign(view.filter, step.filter);
  last = step;
  if (group < 0 && selected >= 0 && lineOfItem(selected) < 0)
    revealRow(selected);
  changed('tab', 'rows', 'selection', 'flame');
}

const isOurs = (step) =>
  step !== null && step.trace === trace.base_id && step.count === trace.count;

// Where something was closed, the step before may look like this one: then it is passed.
function onPopState({ state }) {
  if (!isOurs(state)) {
    followAddress();
    return;
  }
  const before = last;

  scrolls[before.number] = scrollNow;
  restoreStep(state);
  if (scrolls[state.number] !== undefined)
    window.scrollTo(0, scrolls[state.number]);
  if (lookOf(state) === lookOf(before) && state.number !== before.number)
    history.go(Math.sign(state.number - before.number));
}

// Shows the operation that the address names: somebody was sent it.
function followAddress() {
  const [, id] = /^#op=(.+)$/.exec(location.hash) || [];
  const row = id === undefined ? -1 : rowOfId((text) => escaped(text) === id);

  if (row >= 0)
    selectRow(row, { details: true, center: true });
}

// The page is loaded again when one comes back to it from another one.
export function makeBackButton() {
  last = readStep(0);
  if (isOurs(history.state))
    restoreStep(history.state);
  else
    followAddress();
  last = readStep(last.number);
  history.scrollRestoration = 'manual';   // a browser notes it only after the step is made
  for (const what of ['tab', 'rows', 'selection', 'flame'])
    onChange(what, askForStep);
  window.addEventListener('popstate', onPopState);
  window.addEventListener('scroll', () => { scrollNow = window.scrollY; }, { passive: true });
}
