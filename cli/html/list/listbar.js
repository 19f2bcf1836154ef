// SPDX-License-Identifier: Apache-2.0
//
// The bar on top of the list: search, filters, what is shown, and marks.

import { clockText, countText, lineText, pluralText } from '../text.js';
import { el, replaceIn } from '../dom.js';
import { clearMarks, compareAddress, markedIds, traceAddress } from '../marks.js';
import { NOTHING, depth, filter, isFiltered } from './filter.js';

// A pause in typing ends a search.
const PAUSE_MS = 250;

export const searchField = el('input', {
  type: 'search', id: 'search', placeholder: 'Search statements and names, or a trace id',
  'aria-label': 'Search statements and names of first operations, or a trace id',
  spellcheck: false, autocomplete: 'off',
});

const errorsButton = el('button', {
  type: 'button', title: 'Only traces with errors (e)', 'aria-pressed': 'false',
}, 'Errors');
const serviceField = el('select', { 'aria-label': 'Service' });
const textField = (name, placeholder, label) => el(`input.${name}`, {
  type: 'text', placeholder, 'aria-label': label, spellcheck: false, autocomplete: 'off',
  title: label,
});
const minimumField = textField('minimum', 'min. 10ms', 'Minimum duration, such as 10ms or 1.5s');
const sinceField = textField('moment', 'since 24h',
  'Since: a time before now (15m, 24h, 7d), or a date and a time (UTC)');
const untilField = textField('moment', 'until 1h',
  'Until: a time before now (15m, 24h, 7d), or a date and a time (UTC)');

const fields = [[minimumField, 'min'], [sinceField, 'since'], [untilField, 'until']];
const services = new Set();
const state = el('span.list-state', { role: 'status' });
const offer = el('span.offer');
export const turns = el('nav.turns', { 'aria-label': 'Pages of the list' });
const marks = el('div.marks', { role: 'status' });

// Is this a trace's id, or the beginning of one?
const isId = (text) => /^[0-9a-f]{8}[0-9a-f-]*$/i.test(text);

export function openTyped() {
  if (isId(searchField.value.trim()))
    location.assign(traceAddress(searchField.value.trim()));
}

function drawServices() {
  if (filter.service !== '')
    services.add(filter.service);
  replaceIn(serviceField, el('option', { value: '' }, 'All services'),
    [...services].sort().map((name) => el('option', { value: name }, lineText(name, 40))));
  serviceField.value = filter.service;
  serviceField.hidden = services.size < 1;
}

export function drawBar(onChange) {
  const typed = searchField.value.trim();

  errorsButton.setAttribute('aria-pressed', String(filter.errors !== ''));
  for (const [field, name] of [...fields, [searchField, 'text']])
    if (document.activeElement !== field)
      field.value = filter[name];
  drawServices();
  replaceIn(offer,
    isId(typed) && el('a', { href: traceAddress(typed) }, `Open trace ${typed}`),
    isFiltered() && el('button.link', { type: 'button', onclick: () => onChange({ ...NOTHING }) },
      'Clear'));
}

export function drawMarkBar() {
  const ids = markedIds();

  marks.hidden = ids.length === 0;
  replaceIn(marks,
    el('span', {}, ids.length === 1 ? '1 trace is marked. Mark another one to compare them.'
      : '2 traces are marked.'),
    ids.length === 2 && el('a.button', { href: compareAddress(ids), title: 'Compare (x)' }, 'Compare'),
    el('button.link', {
      type: 'button',
      onclick: () => { clearMarks(); drawMarkBar(); marks.dispatchEvent(new Event('cleared')); },
    }, 'Clear marks'));
}

export function drawState(answer, onTurn) {
  for (const { service } of answer.traces)
    if (service && services.size < 500)
      services.add(service);
  drawServices();
  replaceIn(state, pluralText(answer.traces.length, 'trace'),
    (answer.next !== null || filter.page !== '') && `, page ${countText(depth() + 1)}`,
    `, read at ${clockText()}`);
  replaceIn(turns,
    el('button', { type: 'button', disabled: filter.page === '', title: 'Page before (←)',
      onclick: () => onTurn(-1) }, '‹ Previous'),
    el('button', { type: 'button', disabled: answer.next === null, title: 'Next page (→)',
      onclick: () => onTurn(1) }, 'Next ›'));
  turns.hidden = filter.page === '' && answer.next === null;
}

export const toggleErrors = (onChange) => onChange({ errors: filter.errors === '' ? '1' : '' });

export function makeBar(onChange, onRefresh, onCleared) {
  const open = el('div.filters', { id: 'filters' },
    errorsButton, serviceField, minimumField, sinceField, untilField);
  let timer = 0;

  searchField.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => onChange({ text: searchField.value.trim() }), PAUSE_MS);
  });
  searchField.addEventListener('keydown', (event) => event.key === 'Enter' && openTyped());
  errorsButton.addEventListener('click', () => toggleErrors(onChange));
  serviceField.addEventListener('change', () => onChange({ service: serviceField.value }));
  for (const [field, name] of fields)
    field.addEventListener('change', () => onChange({ [name]: field.value.trim() }));
  marks.addEventListener('cleared', onCleared);
  return el('section.toolbar', { id: 'toolbar', 'aria-label': 'Search and filters' },
    el('div.toolbar-line', {},
      el('div.search', { role: 'search' }, searchField,
        el('button.filters-button', {
          type: 'button', 'aria-controls': 'filters', 'aria-expanded': 'false',
          onclick: (event) => event.currentTarget.setAttribute('aria-expanded',
            String(open.classList.toggle('open'))),
        }, 'Filters')), open),
    el('div.toolbar-state', {},
      el('div', {}, el('button.link', { type: 'button', title: 'Read again (r)', onclick: onRefresh },
        'Refresh')), state, offer),
    marks);
}
