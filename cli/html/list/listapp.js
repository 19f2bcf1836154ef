// SPDX-License-Identifier: Apache-2.0
//
// Puts the page together: the list of traces, two traces side by side, or what went wrong.

import { el, replaceIn, visibleNodes } from '../dom.js';
import { clockText } from '../text.js';
import { makeTheme, switchTheme } from '../theme.js';
import {
  clearMarks, compareAddress, keepLastSeen, lastSeen, listAddress, markedIds,
} from '../marks.js';
import { given } from './given.js';
import { NOTHING, changeFilter, filter, filterQuery, isFiltered, readAddress } from './filter.js';
import { askTraces } from './ask.js';
import {
  drawBar, drawMarkBar, drawState, makeBar, searchField, toggleErrors, turns,
} from './listbar.js';
import { drawMarks, drawTraces, focusRow, markRowWithFocus, rowWithFocus, table } from './listrows.js';
import { makeKeys, showHelp } from './listkeys.js';
import { makeComparison } from './comparison.js';

// How long to wait before a collector that is away is asked again.
const AGAIN_MS = 4000;

const ready = () => requestAnimationFrame(
  () => { document.documentElement.dataset.ready = 'yes'; });

function makeHead(title, ...below) {
  return el('header.head', {},
    el('div.head-line', {},
      el('div.head-title', {}, el('h1', {}, title), below),
      el('div.head-buttons', {},
        el('button.quiet', { type: 'button', title: 'Light or dark (t)', 'aria-label': 'Light or dark',
          onclick: switchTheme }, '◐'),
        el('button.quiet', { type: 'button', title: 'Keys (?)', 'aria-label': 'Keys',
          onclick: showHelp }, '?'))));
}

const wayBack = () => el('nav.way-back', {},
  el('a', { href: listAddress(), title: 'Back to the list (b)' }, '← All traces'));

// ---- the list ----

const collector = el('p.meta');
const notice = el('p.notice', { role: 'alert', hidden: true });
const nothing = el('p.nothing', { hidden: true });
let last = { traces: [], next: null };
let timer = 0;

function drawProblem(problem) {
  notice.hidden = problem === null;
  if (problem === null)
    return;
  replaceIn(notice, visibleNodes(problem.message),
    problem.again && ' It is asked again every few seconds.');
  if (problem.again)
    timer = setTimeout(refresh, AGAIN_MS);
}

// Why the list is empty. stored: is there a store? It may have been deleted, or emptied,
// since it was read before.
function whyNothing(stored) {
  const seen = lastSeen();

  if (!stored && seen !== '')
    return `The store is gone: it was deleted, or moved. At ${seen} it had traces.`;
  if (isFiltered())
    return 'No trace is like that.';
  if (filter.page !== '')
    return 'There are no more traces.';
  return seen === '' ? 'There is no trace yet.'
    : `The store is empty: its traces were removed. At ${seen} it had some.`;
}

function drawAnswer(answer) {
  last = answer;
  replaceIn(collector, el('span', {}, visibleNodes(answer.collector)));
  drawTraces(answer.traces, (order) => change({ order }), drawMarkBar);
  drawState(answer, turn);
  table.hidden = answer.traces.length === 0;
  nothing.hidden = answer.traces.length > 0;
  if (answer.traces.length > 0)
    keepLastSeen(clockText());
  else
    replaceIn(nothing, whyNothing(answer.stored));
}

async function refresh() {
  clearTimeout(timer);
  drawBar(change);
  drawMarkBar();
  document.body.setAttribute('aria-busy', 'true');
  try {
    const answer = await askTraces(filterQuery());

    if (answer === undefined)
      return;
    drawProblem(null);
    drawAnswer(answer);
  } catch (problem) {
    drawProblem(problem);
  }
  document.body.removeAttribute('aria-busy');
  ready();
}

function change(how) {
  changeFilter(how);
  refresh();
}

function turn(step) {
  if (step > 0 && last.next !== null)
    change({ page: last.next });
  else if (step < 0 && filter.page !== '')
    (history.state?.depth > 0 ? history.back() : change({ page: '' }));
  window.scrollTo(0, 0);
}

function compareMarked() {
  if (markedIds().length === 2)
    location.assign(compareAddress(markedIds()));
}

const listActions = {
  ArrowDown: () => focusRow(rowWithFocus() + 1),
  ArrowUp: () => focusRow(rowWithFocus() - 1),
  Home: () => focusRow(0),
  End: () => focusRow(Infinity),
  ArrowLeft: () => turn(-1),
  ArrowRight: () => turn(1),
  c: markRowWithFocus,
  x: compareMarked,
  '/': () => searchField.focus(),
  e: () => toggleErrors(change),
  r: refresh,
  Escape: () => isFiltered() && change({ ...NOTHING }),
  t: switchTheme,
  '?': showHelp,
};

function makeList() {
  readAddress();
  window.addEventListener('popstate', () => { readAddress(); refresh(); });
  window.addEventListener('pageshow', (event) => event.persisted && refresh());
  document.title = 'Traces · OSProfiler';
  return [
    makeHead('Traces', collector),
    makeBar(change, refresh, drawMarks),
    el('main.view', {}, notice, table, nothing, turns),
    makeKeys(listActions),
  ];
}

// ---- the others ----

const otherActions = {
  b: () => location.assign(listAddress()),
  t: switchTheme,
  '?': showHelp,
};

function makeProblem() {
  document.title = 'Not shown · OSProfiler';
  if (given.again)
    setTimeout(() => location.reload(), AGAIN_MS);
  return [
    makeHead('This cannot be shown', el('p.meta', {}, given.again
      ? 'It is tried again every few seconds.' : '')),
    el('main.view', {}, wayBack(), given.messages.map((message) =>
      el('p.notice', {}, visibleNodes(message)))),
    makeKeys(otherActions),
  ];
}

function makeCompare() {
  clearMarks();
  document.title = 'Two traces · OSProfiler';
  return [
    makeHead('Two traces', wayBack()),
    el('main.view', {}, makeComparison(given)),
    makeKeys(otherActions),
  ];
}

function makeListPage() {
  const make = { list: makeList, problem: makeProblem, compare: makeCompare }[given.view];

  makeTheme(() => {});
  replaceIn(document.getElementById('page'), make());
  document.getElementById('page').className = '';
  if (given.view === 'list')
    refresh();
  else
    ready();
}

makeListPage();
