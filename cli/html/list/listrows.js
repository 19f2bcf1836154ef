// SPDX-License-Identifier: Apache-2.0
//
// The table of traces.

import { durationText, countText, lineText } from '../text.js';
import { el, replaceIn } from '../dom.js';
import { markedIds, toggleMark, traceAddress } from '../marks.js';
import { filter } from './filter.js';

const COLUMNS = [
  ['', 'Begun (UTC)', 'begun', 'The newest first'],
  [null, 'First operation', 'operation'],
  [null, 'Service', 'service'],
  ['duration', 'Duration', 'figure', 'The longest first'],
  ['operations', 'Operations', 'figure', 'Those with most operations first'],
  ['errors', 'Errors', 'figure', 'Those with most errors first'],
  [null, el('span.offscreen', {}, 'Marked to compare'), 'mark'],
];

// Nanoseconds between two timestamps with microseconds; -1: not known.
function nsBetween(first, last) {
  if (first === null || last === null)
    return -1;
  const us = (text) => Date.parse(`${text.slice(0, 23)}Z`) * 1000 + Number(text.slice(23));

  return Math.max((us(last) - us(first)) * 1000, 0);
}

function begunCell({ first }) {
  const [day, time] = first === null ? ['–', ''] : first.split('T');

  return el('td.begun', { title: first === null ? '' : `${day} ${time}` },
    el('span.dim', {}, day), ' ', el('span', {}, time.slice(0, 8)));
}

function operationCell({ base_id: id, name, text }) {
  return el('th.operation', { scope: 'row' },
    el('a', { href: traceAddress(id), title: lineText(text || id, 1000) },
      el('span.name', {}, lineText(name || '–', 60)), ' ',
      el('span.text', {}, lineText(text || '', 300)),
      text ? null : el('span.dim', {}, lineText(id, 60))));
}

function durationCell(ns, longest) {
  const bar = el('i.share-bar', { 'aria-hidden': 'true' });

  bar.style.setProperty('--share', String(longest > 0 ? Math.max(ns, 0) / longest : 0));
  return el('td.figure.duration', {}, ns < 0 ? '–' : durationText(ns), bar);
}

const figure = (kind, number) => el(`td.figure.${kind}`, {},
  number === null ? '–' : countText(number));

function markCell(id, onMark) {
  return el('td.mark', {}, el('input', {
    type: 'checkbox', checked: markedIds().includes(id), title: 'Mark to compare (c)',
    'aria-label': 'Mark to compare', tabIndex: -1,
    onchange: () => { toggleMark(id); onMark(); },
  }));
}

function row(trace, ns, longest, onMark) {
  const { base_id: id, operations, errors, service } = trace;

  return el('tr', { 'data-id': id },
    begunCell(trace),
    operationCell(trace),
    el('td.service', {}, lineText(service || '', 40)),
    durationCell(ns, longest),
    figure('operations', operations),
    figure(errors > 0 ? 'errors.some' : 'errors', errors),
    markCell(id, onMark));
}

function head(onOrder) {
  return el('thead', {}, el('tr', {}, COLUMNS.map(([order, words, kind, title]) => {
    const sorted = order !== null && filter.order === order;

    return el(`th.${kind}`, { scope: 'col', 'aria-sort': sorted ? 'descending' : undefined },
      order === null ? words : el('button', { type: 'button', title, onclick: () => onOrder(order) },
        words, sorted && el('span', { 'aria-hidden': 'true' }, ' ▾')));
  })));
}

export const table = el('div.scroll-sideways.traces', { hidden: true });

export function drawTraces(traces, onOrder, onMark) {
  const times = traces.map(({ first, last }) => nsBetween(first, last));
  const longest = Math.max(...times, 0);

  replaceIn(table, el('table', {}, head(onOrder),
    el('tbody', {}, traces.map((trace, index) => row(trace, times[index], longest, onMark)))));
}

export function drawMarks() {
  const ids = markedIds();

  for (const line of table.querySelectorAll('tbody tr'))
    line.querySelector('input').checked = ids.includes(line.dataset.id);
}

// ---- by keyboard: the link of a row has the focus ----

const links = () => [...table.querySelectorAll('tbody a')];

export const rowWithFocus = () => links().findIndex((link) => link === document.activeElement);

export function focusRow(index) {
  const all = links();

  if (all.length > 0)
    all[Math.min(Math.max(index, 0), all.length - 1)].focus();
}

export function markRowWithFocus() {
  const index = rowWithFocus();

  if (index >= 0)
    table.querySelectorAll('tbody input')[index].click();
}
