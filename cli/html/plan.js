// SPDX-License-Identifier: Apache-2.0
//
// A plan: its nodes as they are nested, with the rows that the planner expected and
// those that came, and where the time went.

import { trace, KIND, textOf, pointsOf, memberOf, numberOf, isUnmeasured } from './trace.js';
import { durationText, countText, shareText, lineText } from './text.js';
import { el, visibleNodes } from './dom.js';

// Rows that are wrong by this factor are worth a mark.
const WRONG_FACTOR = 10;

// The statement whose plan a row is, or has; -1: there is none.
export function statementOfPlan(row) {
  while (row >= 0 && trace.kind[row] === KIND.NODE)
    row = trace.parent[row];
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

const factOf = (node, name) => numberOf(node[`the ${name}`]);

const CONDITIONS = [
  ['index_cond', 'Index condition'], ['hash_cond', 'Hash condition'],
  ['merge_cond', 'Merge condition'], ['recheck_cond', 'Recheck'], ['filter', 'Filter'],
  ['join_filter', 'Join filter'], ['sort_key', 'Sort key'], ['group_key', 'Group key'],
];

function rowsText(node) {
  const loops = factOf(node, 'loops') || 1;
  const rows = factOf(node, 'rows');
  const expected = factOf(node, 'plan_rows') * loops;
  const parts = [];

  if (rows !== undefined)
    parts.push(el('span', {}, el('b', {}, countText(rows)), ' rows'));
  if (!Number.isNaN(expected))
    parts.push(el('span.dim', {}, `expected ${countText(Math.round(expected))}`));
  if (rows !== undefined && expected >= 0) {
    const factor = Math.max(rows, 1) / Math.max(expected, 1);

    if (factor >= WRONG_FACTOR || factor <= 1 / WRONG_FACTOR)
      parts.push(el('span.tag.wrong', { title: 'The planner was wrong about the rows' },
        factor > 1 ? `${countText(Math.round(factor))} times more`
          : `${countText(Math.round(1 / factor))} times fewer`));
  }
  if (loops > 1)
    parts.push(el('span.dim', {}, `${countText(loops)} loops`));
  return parts;
}

function removedText(node) {
  const removed = factOf(node, 'rows_removed_by_filter') || 0;
  const joined = factOf(node, 'rows_removed_by_join_filter') || 0;

  return [
    removed > 0 && `filter removed ${countText(removed)} rows`,
    joined > 0 && `join filter removed ${countText(joined)} rows`,
    factOf(node, 'hash_batches') > 1 && `${countText(factOf(node, 'hash_batches'))} batches`,
    node['the sort_space_type'] === 'Disk' &&
      `sorted on disk, ${countText(factOf(node, 'sort_space_kb'))} kB`,
  ].filter(Boolean).map((text) => el('p.plan-note', {}, text));
}

function conditions(node) {
  return CONDITIONS.filter(([key]) => typeof node[`the ${key}`] === 'string').map(
    ([key, words]) => el('p.plan-condition', {}, el('span.dim', {}, words), ' ',
      el('code', {}, visibleNodes(node[`the ${key}`].slice(0, 400)))));
}

function makeNode(row, whole, selected, select) {
  const node = readNode(row);
  const share = whole > 0 ? trace.self[row] / whole : 0;
  const heat = el('i.plan-heat');
  const children = childNodes(row);

  heat.style.setProperty('--share', String(Math.min(1, share)));
  return el('li', {},
    el(`div.plan-node${row === selected ? '.selected' : ''}`, {},
      heat,
      el('div.plan-head', {},
        el('button.plan-name', { type: 'button', onclick: () => select(row) },
          visibleNodes(lineText(textOf(row), 120))),
        el('span.plan-time', isUnmeasured(row) ? { title: 'Judged by the rows: it was not measured' } : {},
          isUnmeasured(row) ? '' : durationText(trace.self[row]), el('b', {}, shareText(share)))),
      el('p.plan-rows', {}, rowsText(node)),
      removedText(node),
      conditions(node)),
    children.length > 0 && el('ul', {},
      children.map((child) => makeNode(child, whole, selected, select))));
}

function sumBelow(row) {
  let sum = 0;

  for (let node = row + 1; node < trace.end[row]; node++)
    if (trace.kind[node] === KIND.NODE)
      sum += trace.self[node];
  return sum;
}

// The plan of a statement; select is called with the row of a node.
export function makePlan(statement, selected, select) {
  const whole = sumBelow(statement);

  return el('ul.plan', { 'aria-label': 'Plan' },
    childNodes(statement).map((row) => makeNode(row, whole, selected, select)));
}
