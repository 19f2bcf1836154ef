// SPDX-License-Identifier: Apache-2.0
//
// The lines of the waterfall: which operations have one, from the tree, the folds
// and the filter. A line is a row, or a fold: ~fold, the bits of its place turned
// round, which is negative.

import { trace, rowsOfFold } from './trace.js';
import { view, onChange } from './view.js';
import { findMatches } from './search.js';

export const lines = {
  items: new Int32Array(0),
  depth: new Int32Array(0),
  count: 0,
  matches: null,    // rows, or null: no filter
  isMatch: null,    // for each row, when there is a filter
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

// Adds the rows from first on; those of an open fold stand below it, one deeper.
function addRows(first, end, deeper, insideFold) {
  let row = first;

  while (row < end) {
    const fold = trace.fold[row] - 1;

    if (fold >= 0 && view.grouped && fold !== insideFold) {
      if (trace.folds[fold][0] === row) {
        addLine(~fold, trace.depth[row] + deeper);
        if (view.openFolds.has(fold))
          for (const member of rowsOfFold(fold))
            addRows(member, trace.end[member], deeper + 1, fold);
      }
      row = trace.end[row];
      continue;
    }
    addLine(row, trace.depth[row] + deeper);
    row = view.collapsed[row] ? trace.end[row] : row + 1;
  }
}

// With a filter: what matches, and what it is part of.
function addMatches() {
  const needed = new Uint8Array(trace.count);

  lines.isMatch = new Uint8Array(trace.count);
  for (const match of lines.matches) {
    lines.isMatch[match] = 1;
    for (let row = match; row >= 0 && !needed[row]; row = trace.parent[row])
      needed[row] = 1;
  }
  for (let row = 0; row < trace.count; row++)
    if (needed[row])
      addLine(row, trace.depth[row]);
}

function makeLines() {
  const room = trace.count + trace.folds.length;

  if (lines.items.length < room) {
    lines.items = new Int32Array(room);
    lines.depth = new Int32Array(room);
  }
  lines.count = 0;
  lines.matches = findMatches();
  lines.isMatch = null;
  if (lines.matches !== null)
    addMatches();
  else
    addRows(0, trace.count, 0, -1);
}

// The line of a row: its own, or that of the fold it is in; -1: it has none.
export function lineOf(row) {
  for (let line = 0; line < lines.count; line++) {
    const item = lines.items[line];

    if (item === row || (isFold(item) && rowOfLine(item) === row && !view.openFolds.has(~item)))
      return line;
  }
  return -1;
}

// Opens all that hides a row.
export function revealRow(row) {
  for (let at = trace.parent[row]; at >= 0; at = trace.parent[at])
    view.collapsed[at] = 0;
  if (view.grouped)
    for (let at = row; at >= 0; at = trace.parent[at]) {
      const fold = trace.fold[at] - 1;

      if (fold >= 0 && (at !== row || trace.folds[fold][0] !== row))
        view.openFolds.add(fold);
    }
  makeLines();
}

makeLines();
onChange('rows', makeLines);
