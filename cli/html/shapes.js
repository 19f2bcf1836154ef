// SPDX-License-Identifier: Apache-2.0
//
// The table of statements: those that differ in constants only are one row of it.

import { trace, KIND, string } from './trace.js';
import { durationText, countText, shareText, lineText } from './text.js';
import { el, replaceIn } from './dom.js';
import { view, onChange } from './view.js';
import { selectRow } from './waterfall.js';
import { textMatcher, markedText } from './search.js';

const ROWS_MAX = 300;
const STATEMENTS = new Set([KIND.DB, KIND.PG, KIND.SQLITE]);

const COLUMNS = [
  { name: 'Statement', value: (shape) => `${string(shape[0])} ${string(shape[1])}`, text: true },
  { name: 'Count', value: (shape) => shape[3], show: countText },
  { name: 'Failed', value: (shape) => shape[4], show: (n) => (n > 0 ? countText(n) : '') },
  { name: 'Total', value: (shape) => shape[5], show: durationText,
    title: 'The sum of their durations, without the pauses between them' },
  { name: 'Self time', value: (shape) => shape[6], show: durationText,
    title: 'The sum of their durations, without what ran inside of them' },
  { name: 'Max', value: (shape) => shape[7], show: durationText, title: 'The longest of them' },
  { name: 'Share', value: (shape) => shape[6], share: true, title: 'Self time as a part of the trace' },
];

// db and pg are two rows of one statement: what its client waited for, and what the server did.
const TABLE_KEY = 'Those that differ in constants only are counted together. Total is the sum of ' +
  'their durations, without pauses between them; self time leaves out what ran inside of them, as pg in db.';

const sorting = { column: 4, down: true };
let statementsOnly = true;
let rowsShown = ROWS_MAX;
let currentShape = -1;       // the shape whose row has the keyboard
let numbers = [];       // the shapes of the rows

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
  }, el('button', { type: 'button', title: column.title, onclick: () => sortBy(index) }, column.name,
    el('span.arrow', { 'aria-hidden': 'true' }, sorted ? (sorting.down ? '▾' : '▴') : '')));
}

// Shows the slowest operation of a shape beside the table.
function showShape(number) {
  setRow(number);
  selectRow(trace.shapes[number][8], { details: true });
}

const rowButtons = () => [...shapesBox.querySelectorAll('.shape-name')];

// The table is one stop for Tab: that of this shape.
function setRow(number) {
  currentShape = number;
  rowButtons().forEach((button, index) => { button.tabIndex = numbers[index] === number ? 0 : -1; });
}

function moveRow(event) {
  const buttons = rowButtons();
  const at = buttons.indexOf(event.target);
  const next = {
    ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1,
  }[event.key];

  if (at < 0 || buttons[next] === undefined)
    return;
  event.preventDefault();
  event.stopPropagation();
  setRow(numbers[next]);
  buttons[next].focus();
}

function bodyCell(column, shape, number) {
  if (column.text)
    return el('th', { scope: 'row' }, el('button.shape-name', {
      type: 'button', title: 'Show the slowest of them', onclick: () => showShape(number),
    }, el(`i.dot.k${shape[2]}`), el('b', {}, markedText(lineText(string(shape[0]), 60))), ' ',
    el('span.text', {}, markedText(lineText(string(shape[1]), 200)))));
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
  const focused = rowButtons().includes(document.activeElement);

  numbers = trace.shapes.map((_, number) => number).filter((number) => {
    const shape = trace.shapes[number];

    return (!statementsOnly || STATEMENTS.has(shape[2])) &&
      matches(`${string(shape[0])} ${string(shape[1])}`);
  }).sort(compare);

  replaceIn(shapesBox,
    el('p.shapes-mode', { role: 'group', 'aria-label': 'Which operations' },
      modeButton('Statements', true), modeButton('All operations', false),
      el('span.dim', {}, TABLE_KEY)),
    el('div.scroll-sideways', {}, el('table', {},
      el('thead', {}, el('tr', {}, COLUMNS.map(headCell))),
      el('tbody', { onkeydown: moveRow }, numbers.slice(0, rowsShown).map((number) => el('tr', {},
        COLUMNS.map((column) => bodyCell(column, trace.shapes[number], number))))))),
    numbers.length === 0 && el('p.nothing', {}, 'No operations match the filters.'),
    numbers.length > rowsShown && el('button.link', {
      type: 'button', onclick: () => { rowsShown = Infinity; drawShapes(); },
    }, `Show all ${countText(numbers.length)}`));
  setRow(numbers.includes(currentShape) ? currentShape : numbers[0]);
  if (focused)
    rowButtons()[numbers.indexOf(currentShape)]?.focus({ preventScroll: true });
}

export function makeShapes() {
  const draw = () => { if (view.tab === 'shapes') drawShapes(); };

  onChange('tab', draw);
  onChange('rows', draw);
  return shapesBox;
}
