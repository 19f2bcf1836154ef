// SPDX-License-Identifier: Apache-2.0
//
// The flame view: operations with the same callers, but for the constants of
// statements, are one block. Its width is the time that they and those below have
// for themselves, so blocks never take more room than their caller. A node of a plan
// that nobody measured has no block: its time is its statement's.

import { trace, KIND, string, isUnmeasured } from './trace.js';
import { durationText, countText, pluralText, shareText, lineText } from './text.js';
import { el, replaceIn } from './dom.js';
import { view, onChange, changed, setFilter, visitWaterfall } from './view.js';
import { lines } from './lines.js';
import { selectRow } from './waterfall.js';

const BLOCK_HEIGHT = 24;
const NARROWEST = 1.5;     // pixels
const BLOCKS_MAX = 3000;
const LEVELS_MAX = 200;
const CRUMBS_MAX = 12;
const ABOVE_MAX = 12;      // callers of the block that is shown, as bars above it

const flameBox = el('div.flame');
const crumbs = el('p.flame-crumbs');
const deeper = el('p.flame-deeper.dim', { hidden: true },
  'There are more levels below: click a block to go into it.');
const noMatch = el('p.dim', { hidden: true }, 'No operations match the filters.');
const flameInfo = el('p.flame-info', { 'aria-live': 'polite' });
let root = null;
let order = [];         // all blocks, callers first
let shown = null;
let blocks = [];
let currentBlock = null;     // the block that Tab leads to
let drawnWidth = 0;
let blockOf = [];       // of each row

const makeBlock = (shape, parent) =>
  ({ shape, parent, count: 0, matches: 0, time: 0, own: 0, longest: -1, children: new Map(), depth: parent ? parent.depth + 1 : 0 });

// Merges rows by the shapes of their callers.
function merge() {
  const all = makeBlock(-1, null);

  blockOf = new Array(trace.count);

  for (let row = 0; row < trace.count; row++) {
    const parent = trace.parent[row] >= 0 ? blockOf[trace.parent[row]] : all;

    if (isUnmeasured(row)) {
      blockOf[row] = parent;
      continue;
    }
    let block = parent.children.get(trace.shape[row]);

    if (!block) {
      block = makeBlock(trace.shape[row], parent);
      parent.children.set(trace.shape[row], block);
      order.push(block);
    }
    block.count++;
    block.own += trace.own[row];
    if (block.longest < 0 || trace.duration[row] > trace.duration[block.longest])
      block.longest = row;
    blockOf[row] = block;
  }
  for (const block of order.toReversed()) {
    block.time += block.own;
    block.parent.time += block.time;
  }
  return all;
}

// How many operations of each block, and of those below it, the filter lets through.
function countMatches() {
  for (const block of [root, ...order])
    block.matches = 0;
  for (const row of lines.matches || [])
    blockOf[row].matches++;
  for (const block of order.toReversed())
    block.parent.matches += block.matches;
}

const wordsOf = (block) => (block.shape < 0 ? 'All'
  : lineText(`${string(trace.shapes[block.shape][0])} ${string(trace.shapes[block.shape][1])}`, 160));

function describe(block) {
  if (block === null)
    return replaceIn(flameInfo, 'The width is time; the longest are on the left, whenever they ran. Click a block to go into it; one without blocks below it shows its slowest operation.');
  return replaceIn(flameInfo, el('b', {}, wordsOf(block)), ' ',
    `${durationText(block.time)}, ${shareText(block.time / (root.time || 1))}, ` +
    `self time ${durationText(block.own)}, ${pluralText(block.count, 'operation')} `,
    block.shape >= 0 && el('button.link', {
      type: 'button', onclick: () => { visitWaterfall(); setFilter({ shape: block.shape }); },
    }, block.count === 1 ? 'Show it' : 'Show them'));
}

// A block and its callers, from the outermost on, which is the whole.
function callersOf(block) {
  const path = [];

  for (let at = block; at !== null; at = at.parent)
    path.push(at);
  return path.reverse();
}

// Their shapes.
const pathOf = (block) => callersOf(block).slice(1).map(({ shape }) => shape);

const blockAt = (path) => path.reduce((block, shape) => block.children.get(shape) ?? block, root);

function goInto(block) {
  view.flame = pathOf(block);
  showBlock(block);
  changed('flame');
}

function showBlock(block) {
  currentBlock = block.shape >= 0 ? block : [...block.children.values()].includes(shown) ? shown : null;
  shown = block;
  drawFlame();
  (currentBlock || blocks[0])?.element?.focus({ preventScroll: true });
  describe(block.shape >= 0 ? block : null);
}

// A click goes into a block. Where there is nothing to go into, or one is there, it
// shows the slowest operation.
function openBlock(block) {
  currentBlock = block;
  if (block === shown || block.children.size === 0)
    selectRow(block.longest, { details: true });
  else
    goInto(block);
}

function moveFocus(event, block) {
  const siblings = [...block.parent.children.values()].filter((other) => other.element);
  const at = siblings.indexOf(block);
  const child = [...block.children.values()].find((other) => other.element);
  const next = {
    ArrowRight: siblings[at + 1], ArrowLeft: siblings[at - 1], ArrowUp: block.parent, ArrowDown: child,
  }[event.key];

  if (next === undefined)
    return;
  event.preventDefault();
  if (next.element)
    next.element.focus();
}

function blockElement(block, left, width, level) {
  const dim = (lines.matches !== null && block.matches === 0 ? '.context' : '') +
    (block.depth < shown.depth ? '.above' : '');
  const element = el(`button.block.k${trace.shapes[block.shape][2]}${dim}`, {
    type: 'button', tabIndex: -1,
    title: `${wordsOf(block)}\n${durationText(block.time)}, ${pluralText(block.count, 'operation')}` +
      `${block.depth < shown.depth ? '\nClick to go back to it' : ''}`,
    onclick: () => openBlock(block),
    onfocus: () => describe(block),
    onmouseenter: () => describe(block),
    onkeydown: (event) => moveFocus(event, block),
  }, width > 28 ? (block.count > 1 ? `${countText(block.count)} × ` : '') + wordsOf(block) : null);

  element.classList.toggle('narrow', width <= 28);
  element.style.left = `${left}px`;
  element.style.width = `${Math.max(width - 1, 1)}px`;
  element.style.top = `${level * BLOCK_HEIGHT}px`;
  block.element = element;
  blocks.push(block);
  return element;
}

function restElement(more, left, width, level) {
  const words = `${pluralText(more, 'block')} too narrow to be drawn, together ` +
    durationText(Math.round((width / drawnWidth) * shown.time)) +
    (level > 0 ? `; click the block above to see ${more === 1 ? 'it' : 'them'}` : '');
  const element = el('span.block.rest-block',
    { title: words, onmouseenter: () => replaceIn(flameInfo, words) },
    width > 28 ? `${more} more` : null);

  element.style.left = `${left}px`;
  element.style.width = `${Math.max(width - 1, 1)}px`;
  element.style.top = `${level * BLOCK_HEIGHT}px`;
  return element;
}

function forgetElements() {
  for (const block of blocks)
    block.element = null;
  blocks = [];
}

// The callers of the block that is shown, which are as wide as it. Of many, the outermost one and
// the nearest.
function layOutAbove(width) {
  const path = callersOf(shown).slice(1, -1);
  const left = path.length - ABOVE_MAX;
  const near = left > 0 ? [path[0], ...path.slice(left + 1)] : path;
  const elements = near.map((block, index) =>
    blockElement(block, 0, width, left > 0 && index > 0 ? index + 1 : index));

  if (left > 0)
    elements.splice(1, 0, levelsElement(left, width));
  return elements;
}

function levelsElement(count, width) {
  const element = el('span.block.rest-block.above', {}, `${pluralText(count, 'level')} more`);

  element.style.width = `${width - 1}px`;
  element.style.top = `${BLOCK_HEIGHT}px`;
  return element;
}

// The block that is shown below its callers, and those below it, level by level, the widest of
// each first.
function layOut(width) {
  const elements = shown.shape >= 0 ? layOutAbove(width) : [];
  const above = elements.length;
  let level = shown.shape >= 0
    ? [{ block: shown, left: 0 }] : childrenOf(shown, 0, width);
  let depth = above;

  for (; level.length > 0 && elements.length < BLOCKS_MAX && depth < above + LEVELS_MAX; depth++) {
    const next = [];

    for (const { block, left, more, wide } of level) {
      if (block === null) {
        elements.push(restElement(more, left, wide, depth));
        continue;
      }
      elements.push(blockElement(block, left, (block.time / shown.time) * width, depth));
      next.push(...childrenOf(block, left, width));
    }
    level = next;
  }
  return { elements, depth, cut: level.length > 0 };
}

// Where the blocks below one are. Those that are too narrow to be seen are one.
function childrenOf(block, left, width) {
  const places = [];
  const rest = { block: null, more: 0, left, wide: 0 };

  for (const child of [...block.children.values()].sort((a, b) => b.time - a.time)) {
    const wide = (child.time / shown.time) * width;

    if (wide >= NARROWEST) {
      places.push({ block: child, left });
      left += wide;
    } else {
      rest.more++;
      rest.wide += wide;
    }
  }
  rest.left = left;
  return rest.wide >= NARROWEST ? [...places, rest] : places;
}

const crumb = (block) => (block === shown ? el('b', {}, lineText(wordsOf(block), 60))
  : el('button.link', { type: 'button', onclick: () => goInto(block) }, lineText(wordsOf(block), 40)));

// The callers of the block that is shown; of many, the outermost one and the nearest.
function drawCrumbs() {
  const path = callersOf(shown);
  const left = path.length - CRUMBS_MAX;
  const near = left > 0 ? path.slice(left + 1) : path.slice(1);

  replaceIn(crumbs, crumb(path[0]), left > 0 && ` › … ${pluralText(left, 'level')} …`,
    near.map((block) => [' › ', crumb(block)]),
    el('span.dim', {}, ` · the whole width is ${durationText(shown.time)}`));
}

function drawFlame() {
  if (root === null) {
    root = merge();
    shown = blockAt(view.flame);
  }
  const focused = flameBox.contains(document.activeElement);

  countMatches();
  drawnWidth = flameBox.clientWidth;
  forgetElements();
  drawCrumbs();
  const { elements, depth, cut } = layOut(drawnWidth);

  replaceIn(flameBox, elements.length > 0 ? elements : el('p.nothing', {}, 'No time to show.'));
  noMatch.hidden = lines.matches === null || lines.matches.length > 0;
  flameBox.style.height = `${Math.max(1, depth) * BLOCK_HEIGHT}px`;
  deeper.hidden = !cut;
  const entry = blocks.includes(currentBlock) ? currentBlock : blocks.includes(shown) ? shown : blocks[0];

  if (entry)
    entry.element.tabIndex = 0;
  if (entry && focused)
    entry.element.focus({ preventScroll: true });
}

export function leaveBlock() {
  if (shown === null || shown.parent === null)
    return false;
  goInto(shown.parent);
  return true;
}

// What the flame leaves out, and where its time is.
function leftOut() {
  let count = 0;
  let workers = 0;

  for (let row = 0; row < trace.count; row++) {
    count += isUnmeasured(row) ? 1 : 0;
    workers += trace.kind[row] === KIND.WORKER ? 1 : 0;
  }
  return [
    count > 0 && el('p.flame-info.dim', {},
      `${pluralText(count, 'node')} of plans ${count === 1 ? 'is' : 'are'} not shown: only rows were ` +
      'counted, and the time is that of the statement.'),
    workers > 0 && el('p.flame-info.dim', {},
      `${pluralText(workers, 'parallel worker')} ${workers === 1 ? 'is' : 'are'} not shown: ` +
      `${workers === 1 ? 'it' : 'they'} ran beside the statement's process, whose time that is.`),
  ];
}

export function makeFlame() {
  const draw = () => {
    if (view.tab === 'flame') {
      drawFlame();
      describe(blocks.includes(currentBlock) ? currentBlock : shown.shape >= 0 ? shown : null);
    }
  };

  onChange('tab', draw);
  onChange('rows', draw);
  onChange('flame', () => {
    if (root !== null && blockAt(view.flame) !== shown)
      showBlock(blockAt(view.flame));
  });
  new ResizeObserver(() => { if (flameBox.clientWidth !== drawnWidth) draw(); }).observe(flameBox);
  return el('div.flame-view', {}, crumbs, noMatch, flameBox, deeper, flameInfo, leftOut());
}
