// SPDX-License-Identifier: Apache-2.0
//
// The lines of the waterfall: which operations have one, from the tree, the folds
// and the filter. A line is a row, or a fold: ~fold, the bits of its place turned
// round, which is negative.

import { trace, KIND, rowsOfFold } from './trace.js';
import { view, onChange, isFilteredByCauseOnly } from './view.js';
import { findMatches } from './search.js';

export const lines = {
  items: new Int32Array(0),
  depth: new Int32Array(0),
  count: 0,
  matches: null,    // rows, or null: no filter
  isMatch: null,    // for each row, when there is a filter
  isPart: null,     // for each row, when there is a filter: a node of a matching statement's plan
  needed: null,     // for each row: it has a line, for it, or something below it, matches
  shown: new Int32Array(trace.folds.length),   // members of each fold that are needed
  seen: new Uint8Array(trace.folds.length),    // folds that have a line
};

// The row that stands for a line.
export const rowOfLine = (item) => (item < 0 ? trace.folds[~item][0] : item);
export const isFold = (item) => item < 0;
export const hasChildren = (row) => trace.end[row] > row + 1;

export function isOpen(item) {
  return isFold(item) ? view.openFolds.has(~item) : !view.collapsed[item];
}

function addLine(item, depth) {
  lines.items[lines.count] = item;
  lines.depth[lines.count] = depth;
  lines.count++;
}

export const isNeeded = (row) => lines.needed === null || lines.needed[row] === 1;

function addFold(fold, deeper) {
  if (lines.seen[fold])
    return;
  lines.seen[fold] = 1;
  addLine(~fold, trace.depth[trace.folds[fold][0]] + deeper);
  if (view.openFolds.has(fold))
    for (const member of rowsOfFold(fold).filter(isNeeded))
      addRows(member, trace.end[member], deeper + 1, fold);
}

// Adds the rows from first on; those of an open fold stand below it, one deeper. With
// a filter nothing is collapsed, and a fold of which one operation is left is none.
function addRows(first, end, deeper, insideFold) {
  let row = first;

  while (row < end) {
    const fold = trace.fold[row] - 1;

    if (!isNeeded(row)) {
      row = trace.end[row];
      continue;
    }
    if (fold >= 0 && view.grouped && fold !== insideFold && lines.shown[fold] > 1) {
      addFold(fold, deeper);
      row = trace.end[row];
      continue;
    }
    addLine(row, trace.depth[row] + deeper);
    row = lines.needed === null && view.collapsed[row] ? trace.end[row] : row + 1;
  }
}

// With a filter: what matches, and what it is part of.
function markMatches() {
  lines.needed = new Uint8Array(trace.count);
  lines.isMatch = new Uint8Array(trace.count);
  lines.isPart = new Uint8Array(trace.count);
  for (const match of lines.matches) {
    lines.isMatch[match] = 1;
    for (let row = match; row >= 0 && !lines.needed[row]; row = trace.parent[row])
      lines.needed[row] = 1;
  }
  if (isFilteredByCauseOnly())
    lines.matches.forEach(markPlan);
}

const OF_PLAN = new Set([KIND.NODE, KIND.WORKER]);

// The statements of a finding keep their plans.
function markPlan(match) {
  let row = OF_PLAN.has(trace.kind[match]) ? trace.end[match] : match + 1;

  while (row < trace.end[match])
    if (OF_PLAN.has(trace.kind[row])) {
      lines.isPart[row] = lines.needed[row] = 1;
      row++;
    } else
      row = trace.end[row];
}

function countMembers() {
  lines.seen.fill(0);
  lines.shown.fill(0);
  for (let row = 0; row < trace.count; row++)
    if (trace.fold[row] > 0 && isNeeded(row))
      lines.shown[trace.fold[row] - 1]++;
}

function makeLines() {
  const room = trace.count + trace.folds.length;

  if (lines.items.length < room) {
    lines.items = new Int32Array(room);
    lines.depth = new Int32Array(room);
  }
  lines.count = 0;
  lines.matches = findMatches();
  lines.isMatch = lines.isPart = lines.needed = null;
  if (lines.matches !== null)
    markMatches();
  countMembers();
  addRows(0, trace.count, 0, -1);
}

// The line of a row or of a fold; -1: it has none.
export const lineOfItem = (item) => lines.items.subarray(0, lines.count).indexOf(item);

// Opens all that hides a row.
export function revealRow(row) {
  for (let at = trace.parent[row]; at >= 0; at = trace.parent[at])
    view.collapsed[at] = 0;
  if (view.grouped)
    for (let at = row; at >= 0; at = trace.parent[at]) {
      const fold = trace.fold[at] - 1;

      if (fold >= 0)
        view.openFolds.add(fold);
    }
  makeLines();
}

makeLines();
onChange('rows', makeLines);
