// SPDX-License-Identifier: Apache-2.0
//
// The bar that stays on top: views, search, filters, zoom.

import { trace, string } from './trace.js';
import { durationOf, countText, lineText, pluralText } from './text.js';
import { el, replaceIn } from './dom.js';
import {
  view, onChange, setFilter, clearFilter, setTab, isFiltered, showAllTime, changed,
} from './view.js';
import { lines } from './lines.js';
import { selectMatch, showTool, toggleAll, isAllOpen, zoomBy } from './waterfall.js';
import { searchMistake } from './search.js';
import { minimap, axis } from './timeline.js';

const TABS = [['waterfall', 'Waterfall'], ['shapes', 'Statements'], ['flame', 'Flame']];

const matchCount = el('span.match-count', { role: 'status' });
const matchPlace = el('span.match-place');
const matchSteps = el('span.match-steps', {},
  el('button', { type: 'button', title: 'Previous match (Shift+N)', 'aria-label': 'Previous match',
    onclick: () => selectMatch(-1) }, '‹'),
  el('button', { type: 'button', title: 'Next match (n)', 'aria-label': 'Next match',
    onclick: () => selectMatch(1) }, '›'));
const chips = el('span.chips');
const mistake = el('span.mistake', { role: 'alert' });
const state = el('div.toolbar-state', {}, matchCount, matchPlace, matchSteps, chips, mistake);

export const searchField = el('input', {
  type: 'search', id: 'search', placeholder: 'Search, or /regular expression/',
  'aria-label': 'Search names, statements and errors; between slashes a regular expression',
  spellcheck: false, autocomplete: 'off',
  oninput: () => {
    setFilter({ text: searchField.value });
  },
  onkeydown: (event) => {
    if (event.key === 'Enter') {
      event.preventDefault();
      selectMatch(event.shiftKey ? -1 : 1);
    }
  },
});

const errorsButton = el('button', {
  type: 'button', title: 'Only operations that failed (e)', 'aria-pressed': 'false',
  disabled: trace.failed === 0,
  onclick: () => toggleErrors(),
}, `Errors (${countText(trace.failed)})`);

export function toggleErrors() {
  if (trace.failed > 0)
    setFilter({ errors: !view.filter.errors });
}

const minimumField = el('input.minimum', {
  type: 'text', placeholder: 'min. ms', 'aria-label': 'Minimum duration, such as 10 ms or 1.5 s',
  oninput: () => setFilter({ min: durationOf(minimumField.value) || 0 }),
});

// A choice of what occurs in a column, the most frequent first.
function choiceOf(column, words, label, key) {
  const counts = new Map();

  for (let row = 0; row < trace.count; row++)
    counts.set(column[row], (counts.get(column[row]) || 0) + 1);
  const options = [...counts].sort((a, b) => b[1] - a[1]).slice(0, 200);

  return el('select', {
    'aria-label': label, hidden: options.length < 2,
    onchange: (event) => setFilter({ [key]: Number(event.currentTarget.value) }),
  }, el('option', { value: '-1' }, label), options.map(([value, n]) =>
    el('option', { value: String(value) }, `${words(value)} (${countText(n)})`)));
}

const kindField = choiceOf(trace.kind, (kind) => trace.kinds[kind], 'All kinds', 'kind');
const serviceField = choiceOf(trace.service, (number) => lineText(string(number), 40) || 'without a service',
  'All services', 'service');

const groupButton = el('button', {
  type: 'button', 'aria-pressed': 'true', title: 'Draw like statements as one line (g)',
  hidden: trace.folds.length === 0, onclick: () => toggleGroups(),
}, 'Group');

export function toggleGroups() {
  view.grouped = !view.grouped;
  changed('rows');
}

const chip = (words, change) => el('button.chip', {
  type: 'button', title: 'Remove this filter', onclick: () => setFilter(change),
}, el('span.chip-words', {}, words), el('span', { 'aria-hidden': 'true' }, '\u00a0✕'));

// Says what is wrong with what was typed.
function checkFields() {
  const badMinimum = Number.isNaN(durationOf(minimumField.value));
  const words = [
    searchMistake(),
    badMinimum && 'This is not a duration: write 10 ms or 1.5 s.',
  ].filter(Boolean).join(' ');

  searchField.setAttribute('aria-invalid', String(searchMistake() !== ''));
  minimumField.setAttribute('aria-invalid', String(badMinimum));
  if (mistake.textContent !== words)
    mistake.textContent = words;
}

// Where nothing is filtered, the line with what the filters let through takes no room.
function drawState() {
  state.classList.toggle('empty', lines.matches === null && !isFiltered() && mistake.textContent === '');
  state.classList.toggle('wrong', mistake.textContent !== '');
}

// Which of the matches is selected: "3 of 525".
function drawPlace() {
  const at = lines.matches === null || view.group >= 0 ? -1 : lines.matches.indexOf(view.selected);

  matchSteps.hidden = lines.matches === null || lines.matches.length === 0;
  matchPlace.textContent = at < 0 ? ''
    : `${countText(at + 1)} of ${countText(lines.matches.length)}`;
}

const foldButton = el('button.quiet', {
  type: 'button', title: 'Fold or unfold all, also groups (a)', onclick: toggleAll,
});

function drawFilter() {
  const { filter } = view;

  foldButton.textContent = isAllOpen() ? 'Fold all' : 'Unfold all';
  errorsButton.setAttribute('aria-pressed', String(filter.errors));
  groupButton.setAttribute('aria-pressed', String(view.grouped));
  kindField.value = String(filter.kind);
  serviceField.value = String(filter.service);
  if (searchField.value !== filter.text)
    searchField.value = filter.text;
  if (document.activeElement !== minimumField &&
      (durationOf(minimumField.value) || 0) !== filter.min)
    minimumField.value = '';
  checkFields();
  replaceIn(chips,
    filter.shape >= 0 && chip(`Like: ${lineText(string(trace.shapes[filter.shape][1]) ||
      string(trace.shapes[filter.shape][0]), 40)}`, { shape: -1 }),
    filter.cause >= 0 && chip(`Finding ${filter.cause + 1}`, { cause: -1 }),
    isFiltered() && el('button.link', { type: 'button', onclick: clearFilter }, 'Clear'));
  replaceIn(matchCount, lines.matches === null ? null
    : `${countText(lines.matches.length)} of ${pluralText(trace.count, 'operation')}`);
  drawPlace();
  drawState();
}

const tabButtons = TABS.map(([name, words], index) => el('button.tab', {
  type: 'button', role: 'tab', id: `tab-${name}`, 'aria-controls': `view-${name}`,
  title: `${words} (${index + 1})`, onclick: () => setTab(name), 'data-words': words,
}, words));

function drawTabs() {
  tabButtons.forEach((button, index) => {
    const selected = TABS[index][0] === view.tab;

    button.setAttribute('aria-selected', String(selected));
    button.tabIndex = selected ? 0 : -1;
  });
  document.body.dataset.tab = view.tab;
}

// Another view begins at its first line, with the bar where it is; on top, if there is little room
// below it.
function switchView() {
  const { top, bottom } = document.getElementById('toolbar').getBoundingClientRect();

  drawTabs();
  if (top <= 0 || bottom > window.innerHeight / 2)
    showTool();
}

function moveTab(event) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];

  if (!step)
    return;
  const at = TABS.findIndex(([name]) => name === view.tab);
  const next = (at + step + TABS.length) % TABS.length;

  event.preventDefault();
  setTab(TABS[next][0]);
  tabButtons[next].focus();
}

const filters = el('div.filters', { id: 'filters' },
  errorsButton, kindField, serviceField, minimumField, groupButton);

const filtersButton = el('button.filters-button', {
  type: 'button', 'aria-expanded': 'false', 'aria-controls': 'filters',
  onclick: () => {
    const open = filters.classList.toggle('open');

    filtersButton.setAttribute('aria-expanded', String(open));
  },
}, 'Filters');

const zoomButtons = el('div.zoom', { role: 'group', 'aria-label': 'Zoom' },
  el('button', { type: 'button', title: 'Zoom out (-)', 'aria-label': 'Zoom out',
    onclick: () => zoomBy(2) }, '−'),
  el('button', { type: 'button', title: 'Zoom in (+)', 'aria-label': 'Zoom in',
    onclick: () => zoomBy(0.5) }, '+'),
  el('button', { type: 'button', title: 'Show all the time (0)', onclick: showAllTime }, 'All'));

export function makeToolbar() {
  onChange('rows', drawFilter);
  onChange('tab', switchView);
  onChange('selection', drawPlace);
  drawFilter();
  drawTabs();
  const bar = el('section.toolbar', { id: 'toolbar', 'aria-label': 'Views and filters' },
    el('div.toolbar-line', {},
      el('div.tabs', { role: 'tablist', 'aria-label': 'Views', onkeydown: moveTab }, tabButtons),
      el('div.search', { role: 'search' }, searchField, filtersButton), filters),
    state,
    el('div.time-line', {},
      el('div.time-left', {}, zoomButtons, foldButton),
      el('div.time-right', {}, minimap, axis)));

  // What is below it begins where it ends.
  new ResizeObserver(() => window.dispatchEvent(new Event('resize'))).observe(bar);
  return bar;
}
