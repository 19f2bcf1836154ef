// SPDX-License-Identifier: Apache-2.0
//
// The table of statements: those that differ in constants only are one row of it.

import { trace, KIND, string } from './trace.js';
import { durationText, countText, shareText, lineText } from './text.js';
import { el, replaceIn } from './dom.js';
import { view, onChange, setFilter, setTab } from './view.js';
import { textMatcher } from './search.js';

const ROWS_MAX = 300;
const STATEMENTS = new Set([KIND.DB, KIND.PG, KIND.SQLITE]);

const COLUMNS = [
  { name: 'Statement', value: (shape) => `${string(shape[0])} ${string(shape[1])}`, text: true },
  { name: 'Count', value: (shape) => shape[3], show: countText },
  { name: 'Failed', value: (shape) => shape[4], show: (n) => (n > 0 ? countText(n) : '') },
  { name: 'Total', value: (shape) => shape[5], show: durationText },
  { name: 'Self', value: (shape) => shape[6], show: durationText },
  { name: 'Max', value: (shape) => shape[7], show: durationText },
  { name: 'Share', value: (shape) => shape[6], share: true },
];

const sorting = { column: 4, down: true };
let statementsOnly = true;
let rowsShown = ROWS_MAX;

const shapesBox = el('div.shapes');

function compare(a, b) {
  const { value } = COLUMNS[sorting.column];
  const x = value(trace.shapes[a]);
  const y = value(trace.shapes[b]);
  const order = x < y ? -1 : x > y ? 1 : 0;

  return sorting.down ? -order : order;
}

function sortBy(index) {
  sorting.down = sorting.column === index ? !sorting.down : index > 0;
  sorting.column = index;
  drawShapes();
  shapesBox.querySelectorAll('th button')[index].focus();
}

function headCell(column, index) {
  const sorted = sorting.column === index;

  return el('th', {
    scope: 'col', className: column.text ? 'text' : 'figure',
    'aria-sort': sorted ? (sorting.down ? 'descending' : 'ascending') : 'none',
  }, el('button', { type: 'button', onclick: () => sortBy(index) }, column.name,
    el('span.arrow', { 'aria-hidden': 'true' }, sorted ? (sorting.down ? '▾' : '▴') : '')));
}

function showShape(number) {
  setTab('waterfall');
  setFilter({ shape: number });
}

function bodyCell(column, shape, number) {
  if (column.text)
    return el('th', { scope: 'row' }, el('button.shape-name', {
      type: 'button', title: 'Show only these operations', onclick: () => showShape(number),
    }, el(`i.dot.k${shape[2]}`), el('b', {}, lineText(string(shape[0]), 60)), ' ',
    el('span.text', {}, lineText(string(shape[1]), 200))));
  if (column.share && shape[6] < 0)
    return el('td.share');
  if (column.share) {
    const share = trace.total > 0 ? shape[6] / trace.total : 0;
    const bar = el('i.share-bar');

    bar.style.setProperty('--share', String(Math.min(1, share)));
    return el('td.share', {}, bar, el('span', {}, shareText(share)));
  }
  return el('td.figure', {}, column.show(column.value(shape)));
}

const modeButton = (words, only) => el('button', {
  type: 'button', 'aria-pressed': String(statementsOnly === only),
  onclick: () => { statementsOnly = only; drawShapes(); },
}, words);

function drawShapes() {
  const matches = textMatcher(view.filter.text) || (() => false);
  const numbers = trace.shapes.map((_, number) => number).filter((number) => {
    const shape = trace.shapes[number];

    return (!statementsOnly || STATEMENTS.has(shape[2])) &&
      matches(`${string(shape[0])} ${string(shape[1])}`);
  }).sort(compare);

  replaceIn(shapesBox,
    el('p.shapes-mode', { role: 'group', 'aria-label': 'Which operations' },
      modeButton('Statements', true), modeButton('All operations', false),
      el('span.dim', {}, 'Those that differ in constants only are counted together.')),
    el('div.scroll-sideways', {}, el('table', {},
      el('thead', {}, el('tr', {}, COLUMNS.map(headCell))),
      el('tbody', {}, numbers.slice(0, rowsShown).map((number) => el('tr', {},
        COLUMNS.map((column) => bodyCell(column, trace.shapes[number], number))))))),
    numbers.length === 0 && el('p.nothing', {}, 'No statement.'),
    numbers.length > rowsShown && el('button.link', {
      type: 'button', onclick: () => { rowsShown = Infinity; drawShapes(); },
    }, `Show all ${countText(numbers.length)}`));
}

export function makeShapes() {
  const draw = () => { if (view.tab === 'shapes') drawShapes(); };

  onChange('tab', draw);
  onChange('rows', draw);
  return shapesBox;
}
