// SPDX-License-Identifier: Apache-2.0
//
// The waterfall: a line for each operation, its bar at its place in time. Only the
// lines that can be seen are elements, so the length of the trace does not matter.

import {
  trace, KIND, STATE, STATE_WORDS, nameOf, textOf, errorOf, serviceOf, hostOf, endOf,
  isUnmeasured, measuredRow,
} from './trace.js';
import { durationText, momentText, countText, lineText, pluralText, groupDigits, placeText } from './text.js';
import { el, replaceIn, oncePerFrame } from './dom.js';
import { view, onChange, changed, isFiltered, isZoomed, openDetails, showTime, zoomTime } from './view.js';
import { lines, rowOfLine, isFold, isOpen, hasChildren, lineOfItem, revealRow } from './lines.js';
import { markedText, foundLine, searchMistake } from './search.js';
import { groupOf, hasMatch, densityOf } from './groups.js';
import { waitedTime } from './work.js';
import { LETTER_WIDTH, zoomByWheel, followPointer } from './timeline.js';

// No browser shows elements of any height: longer lists are scrolled in larger steps.
const HEIGHT_MAX = 12e6;
const INDENT_LEVELS = 24;
const SPARE_LINES = 4;
const BAR_SHORTEST = 2;        // pixels, as in page.css

const list = el('div.lines', {
  role: 'tree', tabIndex: 0, 'aria-label': 'Operations', id: 'lines',
});
const nothing = el('p.nothing', { hidden: true });
const pool = [];
let lineHeight = 28;
let top = 0;            // of the part of the window that shows lines
let cursor = 0;         // the line that the keyboard is on
let trackWidth = 0;     // pixels that the bars have

// ---- one line ----

function makeLine() {
  const parts = {};

  parts.level = el('span.level', { title: 'Its level: deeper ones are not indented further' });
  parts.twisty = el('span.twisty', { 'aria-hidden': 'true' });
  parts.dot = el('i.dot');
  parts.count = el('span.fold-count');
  parts.name = el('b.name');
  parts.text = el('span.text');
  parts.tags = el('span.tags');
  parts.label = el('div.label', {},
    parts.level, parts.twisty, parts.dot, parts.count, parts.name, parts.tags, parts.text);
  parts.duration = el('div.duration');
  parts.bar = el('i.bar');
  parts.after = el('span.bar-after');
  parts.track = el('div.track', {}, parts.bar, parts.after);
  parts.element = el('div.line', { role: 'treeitem' }, parts.label, parts.duration, parts.track);
  parts.line = -1;
  list.append(parts.element);
  return parts;
}

const tag = (name, text) => el(`span.tag.${name}`, { title: text }, text);

function tagsOf(row, item) {
  const parent = trace.parent[row];
  const tags = [];
  const moved = parent >= 0 && (trace.service[row] !== trace.service[parent] ||
    trace.host[row] !== trace.host[parent]);

  if (trace.error[row] !== 0)
    tags.push(tag('error', foundLine(errorOf(row), 90)));
  if (trace.state[row] !== STATE.ENDED)
    tags.push(tag(`s${trace.state[row]}`, STATE_WORDS[trace.state[row]]));
  if (trace.mark[row] !== 0)
    tags.push(tag('mark', lineText(trace.strings[trace.mark[row]], 40)));
  if (trace.remark[row] !== 0 && !isFold(item))
    tags.push(tag('mark', groupDigits(foundLine(trace.strings[trace.remark[row]], 80))));
  if (trace.rows[row] >= 0 && !isFold(item))
    tags.push(tag('rows', pluralText(trace.rows[row], 'row')));
  if (moved)
    tags.push(tag('place', lineText(placeText(serviceOf(row), hostOf(row)), 40)));
  return tags;
}

// ---- the nodes of a plan ----

// The statement that a node is part of: its nodes run in turns all the time, so none of them
// has a place in time of its own.
function statementAbove(row) {
  while (row >= 0 && trace.kind[row] === KIND.NODE)
    row = trace.parent[row];
  return row;
}

// How long a node worked with those below it, and alone; of a group only the first is known.
const inclusiveOf = (row, group) => (group ? group.total : Math.max(trace.duration[row], trace.self[row]));
const exclusiveOf = (row, group) => (group ? group.total : trace.self[row]);

const insideText = (row, group) => (group
  ? `Inside the statement's time: these nodes worked ${durationText(group.total)} in all. `
  : `Inside the statement's time: this node worked ${durationText(trace.self[row])}, with the nodes ` +
    `below it ${durationText(inclusiveOf(row, null))}. `) +
  'Nodes run in turns: the bar shows how much of the statement that is, not when it was.';

// Fills the bar of a statement with the shares of a node. left and right are where it is cut.
function fillInside(bar, { begin, end, left, right, span }, row, group) {
  const place = (ns) => {
    const percent = ((begin + Math.min(ns, end - begin) - view.from) / span) * 100;

    return `${Math.max(0, Math.min(100, ((percent - left) / (right - left || 1)) * 100))}%`;
  };

  bar.style.setProperty('--own', place(exclusiveOf(row, group)));
  bar.style.setProperty('--below', place(inclusiveOf(row, group)));
}

// ---- parallel workers ----

// The share of its time in which a worker waited, as samples say. When that was is not known.
const waitedShare = (row) => (trace.kind[row] === KIND.WORKER && trace.duration[row] > 0
  ? Math.min(waitedTime(row) / trace.duration[row], 1) : 0);

const waitedText = (row) => (waitedShare(row) > 0
  ? `\nIt waited ${durationText(waitedTime(row))} of that, by samples: the pale part of the bar is how much, not when.` : '');

// ---- bars ----

// What ran, as colours from left to right: each column of pixels is the darker the more of its
// time operations of the group took. A column in which none ran is empty.
function ticksOf(density) {
  const stops = [];
  let last = -1;

  density.forEach((share, part) => {
    const level = Math.min(4, Math.ceil(share * 4));
    const place = `${((part / density.length) * 100).toFixed(3)}%`;

    if (level === last)
      return;
    if (last >= 0)
      stops.push(`var(--d${last}) ${place}`);
    stops.push(`var(--d${level}) ${place}`);
    last = level;
  });
  return `linear-gradient(90deg, ${stops.join(', ')}, var(--d${last}) 100%)`;
}

// The places in pixels where nothing of a group is drawn, from left to right: [from, to], ...
function gapsOf(density, from) {
  const gaps = [];
  let begin = 0;

  density.forEach((share, part) => {
    if (share === 0)
      return;
    if (from + part > begin)
      gaps.push([begin, from + part]);
    begin = from + part + 1;
  });
  return [...gaps, [Math.min(begin, trackWidth), trackWidth]];
}

// Puts what is said of a group behind its bar, or before it, or where none of it ran. Where there
// is no room, the pointer finds it.
function placeWords(words, gaps) {
  const width = words.textContent.length * LETTER_WIDTH + 12;
  const fits = ([from, to]) => to - from >= width;
  const widest = gaps.reduce((most, gap) => (gap[1] - gap[0] > most[1] - most[0] ? gap : most));
  const gap = [gaps.at(-1), gaps[0]].find(fits) || widest;

  words.hidden = !fits(gap);
  words.style.left = gap[0] === 0 ? 'auto' : `${gap[0]}px`;
  words.style.right = gap[0] === 0 ? `${trackWidth - gap[1]}px` : 'auto';
}

function drawTicks(parts, group, from, to) {
  const { from: first, to: last } = view;
  const ns = (pixels) => first + (pixels / trackWidth) * (last - first);
  const density = densityOf(group.rows, ns(from), ns(to), Math.max(1, Math.round(to - from)));

  parts.bar.style.setProperty('--ticks', ticksOf(density));
  placeWords(parts.after, gapsOf(density, Math.floor(from)));
}

// When it was, for the pointer.
function whenText(begin, end, duration) {
  const step = Math.max(end - begin, 10) / 10;

  return duration < 0 ? `From +${momentText(begin, step)}`
    : `${durationText(duration)}, from +${momentText(begin, step)} to +${momentText(end, step)}`;
}

function titleOf(row, group, around, begin, end) {
  if (isUnmeasured(row))
    return '';
  if (around >= 0)
    return insideText(row, group);
  return group ? `${groupWords(group)}\n${whenText(begin, end, end - begin)}`
    : whenText(begin, end, trace.duration[row]) + waitedText(row);
}

const groupWords = (group) => `${durationText(group.total)} in ${durationText(group.end - group.begin)}: ` +
  `${durationText(group.least)} – ${durationText(group.most)}, median ${durationText(group.median)}`;

function drawBar(parts, row, item) {
  const group = isFold(item) ? groupOf(~item) : null;
  const around = trace.kind[row] === KIND.NODE ? statementAbove(row) : -1;
  const begin = around >= 0 ? trace.begin[around] : group ? group.begin : trace.begin[row];
  const end = around >= 0 ? endOf(around) : group ? group.end : endOf(row);
  const span = view.to - view.from;
  const isGroup = group !== null && around < 0;
  const least = isGroup ? 0 : -1;       // where a bar is cut
  const left = Math.max(((begin - view.from) / span) * 100, least);
  const right = Math.min(((end - view.from) / span) * 100, 100 - least);
  const hidden = right < 0 || left > 100 || isUnmeasured(row);

  parts.bar.hidden = hidden;
  parts.track.title = titleOf(row, group, around, begin, end);
  if (group && hidden)
    placeWords(parts.after, [[0, trackWidth]]);
  if (hidden)
    return;
  parts.bar.className = `bar k${trace.kind[row]} s${trace.state[row]}` +
    `${trace.error[row] !== 0 ? ' failed' : ''}${!group && waitedShare(row) > 0 ? ' waited' : ''}${around >= 0 ? ' inside' : group ? ' many' : ''}`;
  if (around >= 0)
    fillInside(parts.bar, { begin, end, left, right, span }, row, group);
  parts.bar.style.setProperty('--worked', `${(1 - waitedShare(row)) * 100}%`);
  parts.bar.style.left = `min(${left}%, 100% - ${BAR_SHORTEST}px)`;
  parts.bar.style.width = `${Math.max(right - left, 0)}%`;
  const [from, to] = [Math.max(left, 0), Math.min(right, 100)].map((share) => (share / 100) * trackWidth);

  if (isGroup)
    drawTicks(parts, group, from, to);
  else if (group)
    placeWords(parts.after, [[0, from], [to, trackWidth]]);
}

const isSelected = (item) => (isFold(item) ? ~item === view.group
  : item === view.selected && view.group < 0);

function foldCount(fold, group) {
  const [, count] = trace.folds[fold];
  const shown = lines.shown[fold];

  if (group.isWithin)
    return `${countText(group.count)} ×`;

  return `${shown < count ? `${countText(shown)} of ` : ''}${countText(count)} ×`;
}

// The row whose kind, name and state a line shows.
const rowDrawn = (item) => (isFold(item) ? groupOf(~item).row : item);

// Is a line there only because of what is below it?
const isContext = (item, group) => lines.isMatch !== null &&
  (group ? !hasMatch(group) : !lines.isMatch[item] && !lines.isPart[item]);

// What the operations of a group have in common: their text without constants.
const alikeText = (row) => trace.strings[trace.shapes[trace.shape[row]][1]];

function drawLine(parts, line) {
  const item = lines.items[line];
  const row = rowDrawn(item);
  const group = isFold(item) ? groupOf(~item) : null;
  const branches = group !== null || (hasChildren(row) && lines.matches === null);
  const { element } = parts;

  element.id = `line-${line}`;
  element.className = `line k${trace.kind[row]}-line${isSelected(item) ? ' selected' : ''}` +
    `${line === cursor ? ' cursor' : ''}` +
    `${isContext(item, group) ? ' context' : ''}` +
    `${isUnmeasured(row) ? ' without-bar' : ''}${trace.cause[row] > 0 ? ' caused' : ''}` +
    `${view.cause >= 0 && trace.causeSets[view.cause].has(row) ? ' chosen-cause' : ''}`;
  element.setAttribute('aria-level', String(lines.depth[line] + 1));
  element.setAttribute('aria-selected', String(isSelected(item)));
  if (branches)
    element.setAttribute('aria-expanded', String(isOpen(item)));
  else
    element.removeAttribute('aria-expanded');
  parts.label.style.paddingLeft = `calc(${Math.min(lines.depth[line], INDENT_LEVELS)} * var(--indent))`;
  parts.level.textContent = lines.depth[line] > INDENT_LEVELS ? countText(lines.depth[line] + 1) : '';
  parts.twisty.className = `twisty${branches ? (isOpen(item) ? ' open' : ' closed') : ''}`;
  parts.dot.className = `dot k${trace.kind[row]}`;
  parts.count.textContent = group ? foldCount(~item, group) : '';
  replaceIn(parts.name, markedText(lineText(nameOf(row), 60)));
  replaceIn(parts.text, markedText(foundLine(group ? alikeText(row) : textOf(row))));
  parts.tags.replaceChildren(...tagsOf(row, item));
  parts.duration.textContent = isUnmeasured(row) ? ''
    : durationText(group ? group.total : trace.duration[row]) || '?';
  parts.after.textContent = group && !isUnmeasured(row) ? groupWords(group) : '';
  drawBar(parts, row, item);
}

// ---- the lines that can be seen ----

const realHeight = () => lines.count * lineHeight;
const shownHeight = () => Math.min(realHeight(), HEIGHT_MAX);
const visibleHeight = () => Math.max(window.innerHeight - top, lineHeight);

// How far the list is scrolled, in its own height and in that of all lines.
function scrolled() {
  const shown = Math.max(0, top - list.getBoundingClientRect().top);
  const scale = (realHeight() - visibleHeight()) / (shownHeight() - visibleHeight());

  return { shown, real: realHeight() > HEIGHT_MAX ? shown * scale : shown };
}

function drawLines() {
  const { shown, real } = scrolled();
  const first = Math.max(0, Math.floor(real / lineHeight) - SPARE_LINES);
  const count = Math.min(lines.count - first,
    Math.ceil(visibleHeight() / lineHeight) + 2 * SPARE_LINES);

  while (pool.length < count)
    pool.push(makeLine());
  for (const parts of pool)
    parts.used = false;
  for (let line = first; line < first + count; line++) {
    const parts = pool[line % pool.length];

    parts.used = true;
    if (parts.line !== line) {
      parts.line = line;
      drawLine(parts, line);
    }
    parts.element.hidden = false;
    parts.element.style.top = `${shown + line * lineHeight - real}px`;
  }
  for (const parts of pool)
    if (!parts.used) {
      parts.line = -1;
      parts.element.hidden = true;
    }
  list.setAttribute('aria-activedescendant', `line-${cursor}`);
}

function measure() {
  const bar = document.getElementById('toolbar');
  const style = getComputedStyle(document.documentElement);

  if (pool.length === 0)
    pool.push(makeLine());      // its bar is measured
  lineHeight = parseFloat(style.getPropertyValue('--line-height')) || 28;
  top = bar ? bar.offsetHeight : 0;
  document.documentElement.style.setProperty('--bar', `${top}px`);
  trackWidth = pool.find(({ element }) => !element.hidden)?.track.clientWidth || trackWidth || list.clientWidth / 2;
}

function drawAgain() {
  for (const parts of pool)
    parts.line = -1;
  list.style.height = `${shownHeight()}px`;
  list.hidden = lines.count === 0;
  nothing.hidden = lines.count > 0;
  nothing.textContent = trace.count === 0 ? 'This trace has no operations.'
    : searchMistake() !== '' ? '' : 'No operations match the filters.';
  drawLines();
}

function drawBars() {
  for (const parts of pool)
    if (parts.line >= 0)
      drawBar(parts, rowDrawn(lines.items[parts.line]), lines.items[parts.line]);
  list.classList.toggle('zoomed', isZoomed());
}

// ---- moving about ----

// How much of the window details cover from below; beside the lines they cover none.
function coveredHeight() {
  const panel = document.getElementById('details').getBoundingClientRect();

  return panel.height > 0 && panel.top > 0 ? window.innerHeight - panel.top : 0;
}

function scrollToLine(line, center) {
  const box = list.getBoundingClientRect();
  const height = Math.max(visibleHeight() - coveredHeight(), lineHeight);
  const { real } = scrolled();
  const place = line * lineHeight;
  const below = box.top > top ? box.top - top : 0; // the head takes part of the window
  let wanted = real;

  if (center)
    wanted = place - height / 2;
  else if (place < real)
    wanted = place;
  else if (place + lineHeight > real + height - below)
    wanted = place + lineHeight - height + 8;
  else
    return;
  wanted = Math.max(0, Math.min(wanted, realHeight() - height));
  if (realHeight() > HEIGHT_MAX)
    wanted *= (shownHeight() - visibleHeight()) / (realHeight() - visibleHeight());
  window.scrollTo({ top: window.scrollY + box.top - top + wanted });
}

function selectLine(line, options = {}) {
  cursor = Math.max(0, Math.min(line, lines.count - 1));
  if (lines.count === 0)
    return;
  view.selected = rowOfLine(lines.items[cursor]);
  view.group = isFold(lines.items[cursor]) ? ~lines.items[cursor] : -1;
  view.alike = -1;
  if (options.details)
    openDetails(options.plan ?? trace.kind[view.selected] === KIND.NODE);
  changed('selection');
  scrollToLine(cursor, options.center);
}

// Selects a row wherever it hides. alike: the details are of all operations of its shape; plan:
// they show the plan.
export function selectRow(row, options = {}) {
  let line = lineOfItem(row);

  if (line < 0 && view.tab === 'waterfall') {
    revealRow(row);
    changed('rows');
    line = lineOfItem(row);
  }
  if (line >= 0 && view.tab === 'waterfall')
    selectLine(line, options);
  else {
    view.selected = row;
    view.group = -1;
    view.alike = options.alike ? trace.shape[row] : -1;
    if (options.details)
      openDetails(options.plan);
    changed('selection');
  }
}

// Selects a fold as a whole.
export function selectGroup(fold, options = {}) {
  const [first] = trace.folds[fold];

  if (lineOfItem(~fold) < 0) {
    revealRow(first);
    view.openFolds.delete(fold);
    changed('rows');
  }
  if (lineOfItem(~fold) >= 0)
    selectLine(lineOfItem(~fold), options);
  else
    selectRow(first, options);
}

// The next row that the filter lets through, from the selected one on; behind the
// last one comes the first one.
export function selectMatch(step, options = {}) {
  const { matches } = lines;

  if (matches === null || matches.length === 0)
    return;
  const next = step > 0 ? matches.findIndex((row) => row > view.selected)
    : matches.findLastIndex((row) => view.selected < 0 || row < view.selected);

  selectRow(next >= 0 ? matches[next] : matches.at(step > 0 ? 0 : -1), { center: true, ...options });
}

// Scrolls so that the bar with the filters is on top, and the first line under it.
export function showTool() {
  const main = document.querySelector('main').getBoundingClientRect();

  window.scrollBy(0, main.top - document.getElementById('toolbar').offsetHeight);
}

// After the filter has changed: to the first result if it is above or below what can be seen;
// without a filter to the selected line.
function showResults() {
  const first = document.querySelector('main').getBoundingClientRect().top;
  const bar = document.getElementById('toolbar').offsetHeight;

  if (first < bar || first > window.innerHeight - 3 * lineHeight)
    showTool();
  if (view.tab === 'waterfall' && !isFiltered() && view.selected >= 0)
    scrollToLine(cursor);
}

function toggleLine(line, open) {
  const item = lines.items[line];

  if (item === undefined || (!isFold(item) && !hasChildren(item)) || isOpen(item) === open)
    return;
  if (isFold(item) && open)
    view.openFolds.add(~item);
  else if (isFold(item))
    view.openFolds.delete(~item);
  else
    view.collapsed[item] = open ? 0 : 1;
  changed('rows');
}

// Left closes, or goes to the caller; right opens, or goes to the first one below.
function moveSideways(right) {
  const item = lines.items[cursor];

  if (item === undefined)
    return;
  const branches = isFold(item) || hasChildren(item);

  if (branches && lines.matches === null && isOpen(item) !== right)
    toggleLine(cursor, right);
  else if (right && branches)
    selectLine(cursor + 1);
  else if (!right)
    for (let line = cursor - 1; line >= 0; line--)
      if (lines.depth[line] < lines.depth[cursor]) {
        selectLine(line);
        break;
      }
}

export const isAllOpen = () => view.collapsed.every((closed) => closed === 0);

// Folds all operations and groups, or unfolds them.
export function toggleAll() {
  const close = isAllOpen();
  const stuck = document.getElementById('toolbar').getBoundingClientRect().top <= 0;

  for (let row = 0; row < trace.count; row++)
    view.collapsed[row] = close && hasChildren(row) ? 1 : 0;
  view.openFolds = new Set(close ? [] : trace.folds.keys());
  changed('rows');
  if (stuck)
    showTool();
}

// Is it known when a row ran? Of a node of a plan it is not.
export const hasOwnTime = (row) => trace.kind[row] !== KIND.NODE && !isUnmeasured(row);

// When the selected operation ran, or the statement that it is a node of: { begin, end }, or null.
function selectedTime() {
  const measured = measuredRow(view.selected);
  const row = trace.kind[measured] === KIND.NODE ? statementAbove(measured) : measured;

  if (row < 0)
    return null;
  return view.group >= 0 && row === measured && groupOf(view.group).count > 0
    ? groupOf(view.group) : { begin: trace.begin[row], end: endOf(row) };
}

export function zoomToSelected() {
  const time = selectedTime();

  if (time === null)
    return;
  const span = Math.max(time.end - time.begin, 1);

  showTime(time.begin - span * 0.05, time.begin + span * 1.05);
}

// Zooms about the middle of the selected operation, if that is shown, or of the picture.
export function zoomBy(factor) {
  const { from, to } = view;
  const { begin, end } = selectedTime() || { begin: from, end: to };
  const middle = (begin + end) / 2;
  const shown = middle >= from && middle <= to ? middle : (Math.max(begin, from) + Math.min(end, to)) / 2;

  zoomTime(factor, begin > to || end < from ? 0.5 : (shown - from) / (to - from));
}

const pageLines = () => Math.max(1, Math.floor(visibleHeight() / lineHeight) - 2);

export const listKeys = {
  ArrowDown: () => selectLine(view.selected < 0 ? 0 : cursor + 1),
  ArrowUp: () => selectLine(cursor - 1),
  PageDown: () => selectLine(cursor + pageLines()),
  PageUp: () => selectLine(cursor - pageLines()),
  Home: () => selectLine(0),
  End: () => selectLine(lines.count - 1),
  ArrowRight: () => moveSideways(true),
  ArrowLeft: () => moveSideways(false),
  Enter: () => selectLine(cursor, { details: true }),
  ' ': () => toggleLine(cursor, !isOpen(lines.items[cursor])),
};

// ---- the pointer ----

let dragged = false;
let pressed = -1;       // the line under the pointer when it went down: dragging takes the click from it
let lastClick = null;   // the one that selected a line
let swallowed = false;  // is the rest of a click not for what is under it?

const DOUBLE_MS = 500;
const DOUBLE_PIXELS = 6;

const lineOfEvent = (event) => {
  const element = event.target.closest('.line');

  return element ? Number(element.id.slice(5)) : pressed;
};

function onClick(event) {
  const line = lineOfEvent(event);

  if (line < 0 || dragged)
    return;
  if (event.target.closest('.twisty.open, .twisty.closed')) {
    toggleLine(line, !isOpen(lines.items[line]));
    return;
  }
  lastClick = event;
  selectLine(line, { details: true });
}

function onDoubleClick(event) {
  if (!dragged && !event.target.closest('.twisty.open, .twisty.closed'))
    zoomToSelected();
}

// The first click of a double click opens the details, maybe under the pointer: the second one is
// not for them.
function onPress(event) {
  swallowed = event.detail > 1 && lastClick !== null && !list.contains(event.target) &&
    event.timeStamp - lastClick.timeStamp < DOUBLE_MS &&
    Math.hypot(event.clientX - lastClick.clientX, event.clientY - lastClick.clientY) < DOUBLE_PIXELS;
  if (!swallowed)
    return;
  event.preventDefault();
  event.stopPropagation();
  zoomToSelected();
}

function swallow(event) {
  if (!swallowed)
    return;
  swallowed = false;
  event.preventDefault();
  event.stopPropagation();
}

// Drags the shown part of the time sideways.
function onPointerDown(event) {
  const track = event.target.closest('.track');

  dragged = false;
  pressed = -1;
  pressed = lineOfEvent(event);
  if (!track || event.button !== 0 || event.pointerType === 'touch' || !isZoomed())
    return;
  const { from, to } = view;
  const first = event.clientX;

  followPointer(list, event, (moved) => {
    const by = ((first - moved.clientX) / track.clientWidth) * (to - from);

    dragged = dragged || Math.abs(first - moved.clientX) > 3;
    if (dragged)
      showTime(from + by, to + by);
  });
}

export function makeWaterfall() {
  const scrolling = oncePerFrame(drawLines);
  const draw = () => { measure(); drawAgain(); };
  const again = oncePerFrame(draw);

  list.addEventListener('click', onClick);
  list.addEventListener('dblclick', onDoubleClick);
  document.addEventListener('mousedown', onPress, { capture: true });
  document.addEventListener('click', swallow, { capture: true });
  list.addEventListener('pointerdown', onPointerDown);
  list.addEventListener('wheel', (event) => {
    const track = list.querySelector('.track');

    if (track)
      zoomByWheel(track, event);
  }, { passive: false });
  window.addEventListener('scroll', scrolling, { passive: true });
  window.addEventListener('resize', again);
  onChange('rows', () => {
    const line = lineOfItem(view.group >= 0 ? ~view.group : view.selected);

    cursor = line >= 0 ? line : Math.max(0, Math.min(cursor, lines.count - 1));
    drawAgain();
  });
  onChange('filter', showResults);
  onChange('selection', again);
  onChange('time', oncePerFrame(drawBars));
  onChange('tab', again);
  return { element: el('div.waterfall', {}, list, nothing), draw };
}
