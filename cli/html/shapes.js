// SPDX-License-Identifier: Apache-2.0
//
// The table of statements: those that differ in constants only are one row of it. Long tables
// have pages, so the number of statements does not matter.

import { trace, KIND, STATEMENTS, nameOf, string, isUnmeasured, hasNoEnd, endOf, servedRow } from './trace.js';
import { durationText, countText, shareText, lineText } from './text.js';
import { el, replaceIn } from './dom.js';
import { view, onChange } from './view.js';
import { selectRow, showTool } from './waterfall.js';
import { lines } from './lines.js';
import { markedText } from './search.js';

const PAGE_ROWS = 300;

const ALL_COLUMNS = [
  { name: 'Statement', value: ({ number }) => wordsOfShape(number).join(' '), text: true },
  { name: 'Count', value: (sums) => sums.count, show: countText },
  { name: 'Failed', value: (sums) => sums.failed, show: (n) => (n > 0 ? countText(n) : ''),
    isEmpty: ({ failed }) => failed === 0, seldom: true },
  { name: 'Total', value: (sums) => sums.total, show: boundText,
    title: 'The sum of their durations, without the pauses between them' },
  { name: 'Self time', value: (sums) => sums.self, show: boundText,
    title: 'The sum of their durations, without what ran inside of them' },
  { name: 'In the server', value: (sums) => sums.served, show: servedText, ofStatements: true,
    title: 'The sum of the durations of their statements in the server, with planning, waits and commits; the rest ' +
      'of the total is on the way' },
  { name: 'Max', value: (sums) => sums.max, show: boundText, title: 'The longest of them', seldom: true, least: true },
  { name: 'Waits', value: (sums) => sums.waited, show: waitsText, isEmpty: ({ waits }) => waits.size === 0,
    title: 'How long they waited, with what ran inside of them, and for what most of that: ' +
      'it was sampled, and is a part of their durations' },
  { name: 'Share of the trace', value: (sums) => sums.self, share: true, title: 'Self time as a part of the trace' },
];

let statementsOnly = true;

const hasBothSides = trace.kind.some((kind, row) => kind === KIND.DB && servedRow(row) >= 0);

// Columns that are empty in all rows are left out, unless the rows are sorted by one.
const columnsShown = () => ALL_COLUMNS.filter(({ name, isEmpty, ofStatements }) =>
  (!isEmpty || name === sorting.name || [...sumsOf.values()].some((sums) => !isEmpty(sums))) &&
  (!ofStatements || (statementsOnly && hasBothSides)));

const TABLE_KEY = 'Those that differ in constants only are counted together. Total is the sum of ' +
  'their durations, without pauses between them; self time leaves out what ran inside of them';
const STATEMENTS_KEY = '. A statement that both its client and its server recorded is one: “db + pg”';
const ALL_KEY = ', as pg in db, and the nodes of a plan in their statement';

// "484 ms, Lock": the sum, and the kind that most of it is.
function waitsText(waited, { waits }) {
  const [most] = [...waits].sort((a, b) => b[1] - a[1]);

  return most === undefined ? '' : [durationText(waited), ' ', el('span.wait-kind', {
    title: [...waits].map(([kind, ns]) => `${lineText(string(kind), 40)} ${durationText(ns)}`).join(', '),
  }, lineText(string(most[0]), 20))];
}

// The ends of some are not known: the figures take them to have run as long as they can have.
function boundText(ns, { open }) {
  return open === 0 ? durationText(ns) : [durationText(ns), el('span.dim', {
    title: `${countText(open)} of them have no known end: at most, within this trace`,
  }, ' ?')];
}

function servedText(ns) {
  return ns < 0 ? '' : durationText(ns);
}

const wordsOfShape = (number) => trace.shapes[number].slice(0, 2).map(string);

const sorting = { name: 'Self time', down: true };
let currentShape = -1;       // the shape whose row has the keyboard; its page is shown
let numbers = [];            // the shapes of the rows of all pages
let pageBegin = 0;           // the index of the first row of the page
let sumsOf = new Map();      // of each shape: sums over what the filter lets through
let isShown = () => true;    // does the filter let an operation through?

const shapesBox = el('div.shapes');

function sortNumbers() {
  const { value } = ALL_COLUMNS.find(({ name }) => name === sorting.name);
  const values = new Map();

  for (const [number, sums] of sumsOf)
    values.set(number, value(sums));
  numbers = [...sumsOf.keys()].sort((a, b) => {
    const [x, y] = [values.get(a), values.get(b)];
    const order = x < y ? -1 : x > y ? 1 : 0;

    return sorting.down ? -order : order;
  });
}

function sortBy({ name, text }, index) {
  sorting.down = sorting.name === name ? !sorting.down : !text;
  sorting.name = name;
  drawFromTop();
  shapesBox.querySelectorAll('th button')[index].focus();
}

const classOfCell = ({ text, seldom, least }) =>
  `${text ? 'text' : 'figure'}${seldom ? ' seldom' : ''}${least ? ' least' : ''}`;

function headCell(column, index) {
  const sorted = sorting.name === column.name;

  return el('th', {
    scope: 'col', className: classOfCell(column),
    'aria-sort': sorted ? (sorting.down ? 'descending' : 'ascending') : 'none',
  }, el('button', { type: 'button', title: column.title, onclick: () => sortBy(column, index) }, column.name,
    el('span.arrow', { 'aria-hidden': 'true' }, sorted ? (sorting.down ? '▾' : '▴') : '')));
}

// Shows the operations of a shape beside the table: one alone, or all of them as a group.
function showShape(number) {
  const { slowest, count } = sumsOf.get(number);

  setRow(number);
  selectRow(slowest, { details: true, alike: count > 1 });
}

// Marks the row whose operations the details are of.
function markChosen() {
  const chosen = view.details && view.selected >= 0 ? trace.shape[outerRow(view.selected)] : -1;

  shapesBox.querySelectorAll('tbody tr').forEach((row, index) =>
    row.classList.toggle('chosen', numbers[pageBegin + index] === chosen));
}

const rowButtons = () => [...shapesBox.querySelectorAll('.shape-name')];

// The table is one stop for Tab: that of this shape.
function setRow(number) {
  currentShape = number;
  rowButtons().forEach((button, index) => {
    button.tabIndex = numbers[pageBegin + index] === number ? 0 : -1;
  });
}

// Gives the keyboard to a row, whichever page has it.
function focusRow(index, options) {
  if (index < pageBegin || index >= pageBegin + PAGE_ROWS) {
    currentShape = numbers[index];
    drawTable();
  }
  setRow(numbers[index]);
  rowButtons()[index - pageBegin].focus(options);
}

function moveRow(event) {
  const at = pageBegin + rowButtons().indexOf(event.target);
  const next = {
    ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: numbers.length - 1,
  }[event.key];

  if (at < pageBegin || numbers[next] === undefined)
    return;
  event.preventDefault();
  event.stopPropagation();
  focusRow(next);
}

function turnPage(begin) {
  focusRow(begin, { preventScroll: true });
  showTool();
}

const pageButton = (words, begin) => el('button', {
  type: 'button', disabled: begin < 0 || begin >= numbers.length, onclick: () => turnPage(begin),
}, words);

function pageTurns() {
  const { length } = numbers;

  return length > PAGE_ROWS && el('nav.turns', { 'aria-label': 'Pages of the table' },
    pageButton('‹ Previous', pageBegin - PAGE_ROWS),
    `${countText(pageBegin + 1)}–${countText(Math.min(pageBegin + PAGE_ROWS, length))} of ${countText(length)}`,
    pageButton('Next ›', pageBegin + PAGE_ROWS));
}

function nameCell(number) {
  const [name, text] = wordsOfShape(number);
  const { inner } = sumsOf.get(number);

  return el('th', { scope: 'row' }, el('button.shape-name', {
    type: 'button', title: 'Show them, with the slowest',
  }, el(`i.dot.k${trace.shapes[number][2]}`), inner >= 0 && el(`i.dot.k${trace.kind[inner]}`),
  el('b', {}, markedText(lineText(name, 60)), inner >= 0 && [' + ', markedText(lineText(nameOf(inner), 60))]), ' ',
  el('span.text', {}, markedText(lineText(text, 200)))));
}

function bodyCell(column, sums) {
  if (column.text)
    return nameCell(sums.number);
  if (column.share && sums.self < 0)
    return el('td.share');
  if (column.share) {
    const share = trace.total > 0 ? sums.self / trace.total : 0;
    const bar = el('i.share-bar');

    bar.style.setProperty('--share', String(Math.min(1, share)));
    return el('td.share', {}, bar, el('span', {}, shareText(share)));
  }
  return el('td', { className: classOfCell(column) }, column.show(column.value(sums), sums));
}

const modeButton = (words, only) => el('button', {
  type: 'button', 'aria-pressed': String(statementsOnly === only),
  onclick: () => setMode(only),
}, words);

function setMode(only) {
  statementsOnly = only;
  if (!columnsShown().some(({ name }) => name === sorting.name))
    sorting.name = 'Self time';
  addUp();
  drawFromTop();
}

function addWaits(sums, row) {
  const waits = trace.waitsOf.get(row) || [];

  for (let i = 0; i < waits.length; i += 2) {
    sums.waited += waits[i + 1];
    sums.waits.set(waits[i], (sums.waits.get(waits[i]) || 0) + waits[i + 1]);
  }
}

// The client's call that a statement of the server is counted with: the table has both as one.
function outerRow(row) {
  const call = trace.parent[row];

  return statementsOnly && trace.kind[row] === KIND.PG && call >= 0 && servedRow(call) === row && isShown(call)
    ? call : row;
}

const newSums = (number, slowest) =>
  ({ number, count: 0, failed: 0, total: -1, self: -1, served: -1, max: -1, open: 0, slowest, inner: -1,
    waited: 0, waits: new Map() });

function sumsOfShape(row) {
  const number = trace.shape[row];

  if (!sumsOf.has(number))
    sumsOf.set(number, newSums(number, row));
  return sumsOf.get(number);
}

// What a server's statement adds to the call of its client.
function addInner(row, call) {
  const sums = sumsOfShape(call);

  sums.inner = row;
  sums.failed += trace.error[row] !== 0 && trace.error[call] === 0 ? 1 : 0;
  addWaits(sums, row);
  addServed(sums, row);
  if (!isUnmeasured(row))
    sums.self = Math.max(sums.self, 0) + trace.self[row];
}

function addServed(sums, row) {
  if (trace.kind[row] === KIND.PG && !isUnmeasured(row))
    sums.served = Math.max(sums.served, 0) + timeOf(row);
}

const timeOf = (row) => Math.max(endOf(row) - trace.begin[row], 0);

function addToSums(row) {
  const call = outerRow(row);

  if (call !== row) {
    addInner(row, call);
    return;
  }
  const sums = sumsOfShape(row);

  addServed(sums, row);
  sums.count++;
  sums.open += hasNoEnd(row) ? 1 : 0;
  sums.failed += trace.error[row] !== 0 ? 1 : 0;
  addWaits(sums, row);
  if (isUnmeasured(row))
    return;
  const time = timeOf(row);

  sums.total = Math.max(sums.total, 0) + time;
  sums.self = Math.max(sums.self, 0) + (statementsOnly ? trace.self[row] : trace.own[row]);
  if (time > sums.max)
    [sums.max, sums.slowest] = [time, row];
}

// Where the nodes of plans have rows of their own, their time is not that of their statement,
// too: the shares are parts of one whole.
function addUp() {
  sumsOf = new Map();
  isShown = lines.matches === null ? () => true : (row) => lines.isMatch[row] === 1;
  for (const row of lines.matches ?? trace.depth.keys())
    if (!statementsOnly || STATEMENTS.has(trace.kind[row]))
      addToSums(row);
}

// Draws the page that has the current row.
function drawTable() {
  const focused = rowButtons().includes(document.activeElement);
  const current = Math.max(numbers.indexOf(currentShape), 0);
  const columns = columnsShown();

  pageBegin = current - current % PAGE_ROWS;
  replaceIn(shapesBox,
    el('p.shapes-mode', { role: 'group', 'aria-label': 'Which operations' },
      modeButton('Statements', true), modeButton('All operations', false),
      el('span.dim', {}, `${TABLE_KEY}${!statementsOnly ? ALL_KEY : hasBothSides ? STATEMENTS_KEY : ''}.`)),
    el('div.scroll-sideways', {}, el('table', {},
      el('thead', {}, el('tr', {}, columns.map(headCell))),
      el('tbody', { onkeydown: moveRow }, numbers.slice(pageBegin, pageBegin + PAGE_ROWS).map((number) =>
        el('tr', { onclick: () => showShape(number) },
          columns.map((column) => bodyCell(column, sumsOf.get(number)))))))),
    numbers.length === 0 && el('p.nothing', {}, 'No operations match the filters.'),
    pageTurns());
  setRow(numbers[current]);
  markChosen();
  if (focused)
    rowButtons()[current - pageBegin]?.focus({ preventScroll: true });
}

// Draws the first page, after what decides the order of the rows has changed.
function drawFromTop() {
  sortNumbers();
  if (numbers.indexOf(currentShape) >= PAGE_ROWS)
    currentShape = -1;
  drawTable();
}

export function makeShapes() {
  const draw = () => {
    if (view.tab !== 'shapes')
      return;
    addUp();
    sortNumbers();
    drawTable();
  };

  onChange('tab', draw);
  onChange('rows', draw);
  onChange('filter', () => {
    if (view.tab === 'shapes' && pageBegin > 0)
      drawFromTop();
  });
  onChange('selection', markChosen);
  return shapesBox;
}
