// SPDX-License-Identifier: Apache-2.0
//
// A plan: its nodes as they are nested, with the rows that the planner expected and
// those that came, and where the time went.

import {
  trace, KIND, textOf, pointsOf, memberOf, numberOf, isUnmeasured, servedRow, string,
} from './trace.js';
import { durationText, countText, pluralText, shareText, lineText } from './text.js';
import { el, visibleNodes } from './dom.js';

// A plan is drawn up to so many nodes and levels: a browser lays out no deeper boxes.
const PLAN_NODES = 500;
const PLAN_LEVELS = 40;

// The statement whose plan a row is, or has; -1: there is none. A client's call has
// that of the statement that it ran in the server.
export function statementOfPlan(row) {
  while (row >= 0 && trace.kind[row] === KIND.NODE)
    row = trace.parent[row];
  row = row >= 0 && trace.kind[row] === KIND.DB ? servedRow(row) : row;
  for (let child = row + 1; row >= 0 && child < trace.end[row]; child = trace.end[child])
    if (trace.kind[child] === KIND.NODE)
      return row;
  return -1;
}

function childNodes(row) {
  const nodes = [];

  for (let child = row + 1; child < trace.end[row]; child = trace.end[child])
    if (trace.kind[child] === KIND.NODE)
      nodes.push(child);
  return nodes;
}

export const firstNode = (statement) => childNodes(statement)[0];

// What its points say of a node.
function readNode(row) {
  const node = { row };

  for (const { content } of pointsOf(row)) {
    const facts = memberOf(content, 'info', 'db', 'node');

    if (facts instanceof Map)
      for (const [key, value] of facts)
        node[`the ${key}`] = value;
  }
  return node;
}

export const neverRan = (row) => readNode(row)['the never_executed'] === true;

const factOf = (node, name) => numberOf(node[`the ${name}`]);

const CONDITIONS = [
  ['index_cond', 'Index condition'], ['hash_cond', 'Hash condition'],
  ['merge_cond', 'Merge condition'], ['recheck_cond', 'Recheck'], ['filter', 'Filter'],
  ['join_filter', 'Join filter'], ['sort_key', 'Sort key'], ['group_key', 'Group key'],
];

// Rows per loop, which may be parts of one.
const eachText = (rows) => (Number.isInteger(rows) || rows >= 10 ? countText(Math.round(rows))
  : rows.toFixed(2));

// Does the tree, too, say that the planner was wrong? Fewer rows than expected do no harm.
const isWrong = (row) => trace.remark[row] !== 0 && /\bexpected\b/.test(string(trace.remark[row]));

// How wrong the planner was about the rows of a loop.
const wrongTag = (each, expected) => el('span.tag.wrong', { title: 'The planner was wrong about the rows' },
  `${countText(Math.round(Math.max(each, 1) / Math.max(expected, 1)))} times more`);

// As in EXPLAIN, the rows that came and those that were expected are those of one loop;
// in a parallel part of a plan each process is a loop. Behind them stands the sum.
function rowsText(node) {
  const loops = factOf(node, 'loops') || 1;
  const rows = factOf(node, 'rows');
  const expected = factOf(node, 'plan_rows');
  const planned = factOf(node, 'workers_planned');
  const perLoop = loops > 1 ? ' per loop' : '';

  return [
    node['the never_executed'] === true && el('span', {}, 'never executed'),
    rows !== undefined && el('span', {}, el('b', {}, eachText(rows / loops)),
      ` row${rows === loops ? '' : 's'}${perLoop}`),
    expected !== undefined && el('span.dim', {}, `expected ${countText(Math.round(expected))}${perLoop}`),
    rows !== undefined && expected !== undefined && isWrong(node.row) && wrongTag(rows / loops, expected),
    loops > 1 && el('span.dim', {}, `${countText(loops)} loops` +
      `${rows !== undefined ? `, ${countText(rows)} rows in all` : ''}`),
    planned > 0 && factOf(node, 'workers_launched') >= planned &&
      el('span.dim', {}, pluralText(planned, 'worker')),
  ];
}

// Why a node is where it is, and how large its table is by its statistics.
function settingText(node) {
  const subplan = node['the subplan'];
  const loops = factOf(node, 'loops') || 1;
  const rows = factOf(node, 'relation_rows');
  const pages = factOf(node, 'relation_pages');

  return [
    typeof subplan === 'string' && `${subplan}: a subquery of the node above` +
      `${loops > 1 ? `, which ran it ${countText(loops)} times` : ''}`,
    rows > 0 && pages > 0 &&
      `by its statistics the table has ${pluralText(rows, 'row')} in ${pluralText(pages, 'page')}`,
  ].filter(Boolean).map((text) => el('p.plan-condition.dim', {}, visibleNodes(lineText(text, 200))));
}

const workersOf = (node) => countText(factOf(node, 'workers_launched') || 0);

// Workers that were planned and were not there.
const lacksWorkers = (node) =>
  factOf(node, 'workers_planned') > factOf(node, 'workers_launched');

// "shared hit=12 read=3", as EXPLAIN has it; an empty text without any.
function buffersText(node) {
  const buffers = node['the buffers'];
  const parts = ['shared', 'local', 'temp'].map((name) => {
    const counts = ['hit', 'read', 'dirtied', 'written']
      .map((what) => [what, numberOf(memberOf(buffers, `${name}_blks_${what}`))])
      .filter(([, count]) => count > 0).map(([what, count]) => `${what}=${count}`);

    return counts.length > 0 ? `${name} ${counts.join(' ')}` : '';
  });

  return parts.filter(Boolean).join(', ');
}

function removedTexts(node) {
  const removed = factOf(node, 'rows_removed_by_filter') || 0;
  const joined = factOf(node, 'rows_removed_by_join_filter') || 0;

  return [
    removed > 0 && `filter removed ${countText(removed)} rows`,
    joined > 0 && `join filter removed ${countText(joined)} rows`,
    factOf(node, 'hash_batches') > 1 && `${countText(factOf(node, 'hash_batches'))} batches`,
    node['the sort_space_type'] === 'Disk' &&
      `sorted on disk, ${countText(factOf(node, 'sort_space_kb'))} kB`,
    lacksWorkers(node) && `${workersOf(node)} of ` +
      `${countText(factOf(node, 'workers_planned'))} workers launched`,
  ].filter(Boolean);
}

// Pairs of what a condition is called and nodes for its text.
const conditionsOf = (node) => CONDITIONS.filter(([key]) => typeof node[`the ${key}`] === 'string')
  .map(([key, words]) => [words, visibleNodes(node[`the ${key}`].slice(0, 400))]);

const conditions = (node) => conditionsOf(node).map(([words, text]) =>
  el('p.plan-condition', {}, el('span.dim', {}, words), ' ', el('code', {}, text)));

// How long a node worked, and what part of its statement that is.
const timeOfNode = (row, share, ns = trace.self[row]) => el(`span.plan-time${isUnmeasured(row) ? '.estimated' : ''}`,
  isUnmeasured(row) ? { title: 'Estimated from the rows: the time was not measured' } : {},
  isUnmeasured(row) ? '' : durationText(ns),
  el('b', {}, `${isUnmeasured(row) ? '~' : ''}${shareText(share)}`),
  ' of the statement');

// Does a condition of a node hide a constant?
const hidesConstants = (node) =>
  CONDITIONS.some(([key]) => /(^|[^\w?])\?($|[^\w?])/.test(node[`the ${key}`] || ''));

// Says how many nodes are not drawn, and leads to the first of them.
const moreNodes = (row, count, select) => el('li', {}, el('button.link.plan-more', {
  type: 'button', onclick: () => select(row),
}, `and ${pluralText(count, 'node')} below`));

// The nodes below one, or at the top of a plan. drawing: what all nodes of the plan share.
function makeNodes(rows, drawing, depth) {
  const drawn = depth < PLAN_LEVELS ? rows.slice(0, Math.max(0, PLAN_NODES - drawing.count)) : [];

  drawing.count += drawn.length;
  return [...drawn.map((row) => makeNode(row, drawing, depth)),
    drawn.length < rows.length &&
      moreNodes(rows[drawn.length], nodesFrom(rows.slice(drawn.length)), drawing.select)];
}

// How many nodes these are, with those below them.
function nodesFrom(rows) {
  let count = 0;

  for (const row of rows)
    for (let node = row; node < trace.end[row]; node++)
      count += trace.kind[node] === KIND.NODE ? 1 : 0;
  return count;
}

function makeNode(row, drawing, depth) {
  const { whole, inWorker, selected, select } = drawing;
  const node = readNode(row);
  const share = whole > 0 ? trace.self[row] / whole : 0;
  const heat = el('i.plan-heat');
  const children = childNodes(row);

  drawing.found ||= row === selected;
  drawing.hidesConstants ||= hidesConstants(node);
  heat.style.setProperty('--share', String(Math.min(1, share)));
  return el('li', {},
    el(`div.plan-node${row === selected ? '.selected' : ''}`, {},
      heat,
      el('div.plan-head', {},
        el('button.plan-name', { type: 'button', onclick: () => select(row) },
          visibleNodes(lineText(textOf(row), 120))),
        !(inWorker && isUnmeasured(row)) && timeOfNode(row, share)),
      el('p.plan-rows', {}, rowsText(node)),
      settingText(node),
      removedTexts(node).map((text) => el('p.plan-note', {}, text)),
      conditions(node),
      buffersText(node) !== '' && el('p.plan-condition', {}, el('span.dim', {}, 'Buffers'), ' ',
        el('code', {}, buffersText(node).replace(/\d+/g, countText)))),
    children.length > 0 && el('ul', {}, makeNodes(children, drawing, depth + 1)));
}

// ---- the layout of EXPLAIN ----

const EXPLAINED = [
  ['sort_key', 'Sort Key'], ['group_key', 'Group Key'], ['index_cond', 'Index Cond'],
  ['recheck_cond', 'Recheck Cond'], ['hash_cond', 'Hash Cond'], ['merge_cond', 'Merge Cond'],
  ['join_filter', 'Join Filter'], ['rows_removed_by_join_filter', 'Rows Removed by Join Filter'],
  ['filter', 'Filter'], ['rows_removed_by_filter', 'Rows Removed by Filter'],
  ['workers_planned', 'Workers Planned'], ['workers_launched', 'Workers Launched'],
];

// Of several loops EXPLAIN shows the average. Without the time of the first row it is the form
// of EXPLAIN (TIMING OFF), which programs that draw plans read, too.
const isTimed = (node) =>
  factOf(node, 'first_row_ms') !== undefined && factOf(node, 'total_ms') !== undefined;

function actualText(node) {
  const loops = factOf(node, 'loops');
  const each = (name) => factOf(node, name) / loops;

  if (node['the never_executed'] === true)
    return ' (never executed)';
  if (loops === undefined || loops === 0)
    return '';
  const time = isTimed(node)
    ? `time=${each('first_row_ms').toFixed(3)}..${each('total_ms').toFixed(3)} ` : '';

  return ` (actual ${time}rows=${Math.round(each('rows'))} loops=${loops})`;
}

// The nodes of a plan with their depth in it, parents first. Nodes are below nodes only.
function nodesOf(statement) {
  const nodes = [];

  for (const top of childNodes(statement))
    for (let row = top; row < trace.end[top]; row++)
      if (trace.kind[row] !== KIND.NODE)
        row = trace.end[row] - 1;
      else
        nodes.push([row, trace.depth[row] - trace.depth[top]]);
  return nodes;
}

function explainNode([row, depth]) {
  const node = readNode(row);
  const loops = factOf(node, 'loops') || 1;
  const cost = factOf(node, 'total_cost') === undefined ? ''
    : `cost=${factOf(node, 'startup_cost').toFixed(2)}..${factOf(node, 'total_cost').toFixed(2)} `;
  const indent = Math.min(depth, PLAN_LEVELS) * 6;
  const inside = ' '.repeat(indent + 2);
  const facts = EXPLAINED.filter(([key]) => node[`the ${key}`] !== undefined).map(([key, words]) =>
    `${inside}${words}: ${words.startsWith('Rows ') ? Math.round(factOf(node, key) / loops)
      : factOf(node, key)}`);
  const buffers = buffersText(node);
  const total = isTimed(node) ? undefined : factOf(node, 'total_ms');
  const expected = cost === '' ? ''
    : `  (${cost}rows=${factOf(node, 'plan_rows')} width=${factOf(node, 'plan_width') ?? 0})`;

  return [
    `${depth > 0 ? `${' '.repeat(indent - 4)}->  ` : ''}${textOf(row)}${expected}${actualText(node)}`,
    ...(total > 0 ? [`${inside}Measured Time: ${(total / loops).toFixed(3)} ms`] : []),
    ...facts, ...(buffers !== '' ? [`${inside}Buffers: ${buffers}`] : []),
  ];
}

export const explainText = (statement) =>
  nodesOf(statement).flatMap(explainNode).join('\n');

// ---- the plan of the page ----

function sumBelow(row) {
  let sum = 0;

  for (let node = row + 1; node < trace.end[row]; node++)
    if (trace.kind[node] === KIND.NODE)
      sum += trace.self[node];
  return sum;
}

// The time that the shares of a plan's nodes are parts of.
const wholeOf = (statement) => Math.max(sumBelow(statement), trace.duration[statement]);

const nodeNames = (rows) => el('span.plan-names', {}, rows.map((row, index) =>
  [index > 0 && ' with ', el('span.plan-name', {}, visibleNodes(lineText(textOf(row), 120)))]));

// A part of the plan as a button that leads to it: what it is, its time, its rows and conditions.
function planButton(select, share, head, ...content) {
  const heat = el('i.plan-heat');

  heat.style.setProperty('--share', String(Math.min(1, share)));
  return el('button.plan-line', { type: 'button', title: 'Show it in the plan', onclick: select },
    heat, el('span.plan-head', {}, head), content);
}

const shareOfPlan = (row, ns) => {
  const whole = wholeOf(statementOfPlan(row));

  return whole > 0 ? ns / whole : 0;
};

const factsOfNode = (row) => {
  const node = readNode(row);

  return [
    el('span.plan-rows', {}, rowsText(node), removedTexts(node).map((text) => el('span.plan-note', {}, text))),
    conditionsOf(node).map(([words, text]) => el('span.plan-condition', {},
      el('span.dim', {}, words), ' ', el('code', {}, text))),
  ];
};

// One node without those around it.
export function planLine(row, select) {
  const share = shareOfPlan(row, trace.self[row]);

  return planButton(select, share, [nodeNames([row]), timeOfNode(row, share)], factsOfNode(row));
}

// A node whose rows were estimated wrongly: the time that this cost is not its own.
export const wrongLine = (row, select) =>
  planButton(select, 0, [el('span.plan-role', {}, 'Estimated wrong here'), nodeNames([row])], factsOfNode(row));

// A join, and its inner side, which it runs again and again; ns: the time of both.
export function joinLine(join, inner, ns, select) {
  const share = shareOfPlan(join, ns);

  return planButton(select, share, [el('span.plan-role', {}, 'Time spent here'),
    nodeNames([join, inner]), timeOfNode(join, share, ns)], el('span.plan-rows', {}, rowsText(readNode(inner))));
}

// The plan of a statement; select is called with the row of a node.
export function makePlan(statement, selected, select) {
  const whole = wholeOf(statement);
  const inWorker = trace.kind[statement] === KIND.WORKER;     // whose time is no part of the statement's
  const draw = (rows) => {
    const drawing = { whole, inWorker, selected, select, count: 0, found: false, hidesConstants: false };

    return { nodes: makeNodes(rows, drawing, 0), drawing };
  };
  let drawn = draw(childNodes(statement));
  const deep = !drawn.drawing.found && trace.kind[selected] === KIND.NODE;

  if (deep)
    drawn = draw([selected]);
  return [
    deep && el('p', {}, el('button.link', { type: 'button', onclick: () => select(trace.parent[selected]) },
      'This is a part of the plan: show what is above')),
    el('ul.plan', { 'aria-label': 'Plan' }, drawn.nodes),
    drawn.drawing.hidesConstants && el('p.plan-key.dim', {},
      'A “?” is a constant. In a plan, values of parameters are constants, too: none is ' +
      'recorded while osprofiler.hide_params is on.'),
  ];
}
