// SPDX-License-Identifier: Apache-2.0
//
// Which operations the filter lets through. Texts are searched once each, however
// many operations have them.

import { trace, measuredRow, pointsOf, memberOf, numberOf } from './trace.js';
import { view, isFiltered } from './view.js';
import { el } from './dom.js';

// The pieces of a pattern that matter for how long it takes; classes and escapes are one each.
const PATTERN_PIECES = /\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]|\((?:\?(?:[:=!]|<[=!]|<\w+>))?|[)*+?|]|\{\d+(?:,\d*)?\}/g;

// Does a pattern repeat a group in which something has several ways to match? The ways
// multiply with each turn: /(a+)+$/ stops a tab for years. Such a pattern is refused, for no
// script can stop a search that has begun.
export function takesTooLong(query) {
  const [, pattern] = /^\/(.+)\/[a-z]*$/s.exec(query) || [];
  const groups = [false];     // for each open group: has it several ways to match?
  let closed = false;         // the same of the group that ended just before

  for (const [piece] of (pattern || '').matchAll(PATTERN_PIECES)) {
    const repeats = /^[*+{]/.test(piece);

    if (repeats && closed)
      return true;
    closed = piece === ')' && groups.length > 1 && groups.pop();
    if (closed || repeats || /^[?|]/.test(piece))
      groups[groups.length - 1] = true;
    if (piece.startsWith('('))
      groups.push(false);
  }
  return false;
}

// A regular expression for what a query finds; null: it is none. "/x/" and "/x/s" are
// regular expressions, all else is a part of the text. Neither regards case.
function expressionOf(query, more = '') {
  const [, pattern, flags] = /^\/(.+)\/([a-z]*)$/s.exec(query) ||
    [null, query.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), ''];

  if (takesTooLong(query))
    return null;
  try {
    return new RegExp(pattern, `${flags.replace(/[gyi]/g, '')}i${more}`);
  } catch {
    return null;
  }
}

// A function that says whether a text matches; null for a regular expression that is none.
export function textMatcher(query) {
  const expression = expressionOf(query);
  const part = query.toLowerCase();

  if (expression === null || /^\/.+\/[a-z]*$/s.test(query))
    return expression && ((text) => expression.test(text));
  return (text) => text.toLowerCase().includes(part);
}

// "12,840" and "12840" are one figure, and so is "pid 12840": its digits; else null.
function figureOf(query) {
  const match = /^\s*(?:pid[ =:]*)?(\d+|\d{1,3}(?:,\d{3})+)\s*$/i.exec(query);

  return match && match[1].replaceAll(',', '');
}

let pids = null;

// The process that an operation says it ran in, or undefined. Its points are read once.
function pidOf(row) {
  pids ||= trace.depth.map((_, at) => pointsOf(at)
    .map(({ content }) => numberOf(memberOf(content, 'info', 'db', 'pid')))
    .find((pid) => pid !== undefined));
  return pids[row];
}

// Nodes for a text in which what the search found is marked.
export function markedText(text) {
  const expression = expressionOf(view.filter.text, 'g');
  const nodes = [];
  let plain = 0;

  if (view.filter.text === '' || expression === null)
    return [text];
  for (const match of text.matchAll(expression)) {
    if (match[0] === '')
      continue;
    nodes.push(text.slice(plain, match.index), el('mark', {}, match[0]));
    plain = match.index + match[0].length;
  }
  return [...nodes, text.slice(plain)];
}

// For each string 0: not looked at yet, 1: it matches, 2: it does not.
function stringMatcher(query) {
  const matches = textMatcher(query);
  const known = new Uint8Array(trace.strings.length);

  if (matches === null)
    return () => false;
  return (number) => {
    if (known[number] === 0)
      known[number] = matches(trace.strings[number]) ? 1 : 2;
    return known[number] === 1;
  };
}

// One whose end is not known may have lasted long; one that nobody measured is part
// of a statement that was.
function lasted(row) {
  const measured = measuredRow(row);

  return measured >= 0 && trace.duration[measured] >= 0 ? trace.duration[measured] : Infinity;
}

// The strings of an operation that are searched; the last one has no constants.
const columnsSearched = (row) => [trace.text[row], trace.name[row], trace.error[row], trace.id[row],
  trace.remark[row], trace.shapes[trace.shape[row]][1]];

function rowTests() {
  const { filter } = view;
  const tests = [];

  if (filter.errors)
    tests.push((row) => trace.error[row] !== 0);
  if (filter.kind >= 0)
    tests.push((row) => trace.kind[row] === filter.kind);
  if (filter.service >= 0)
    tests.push((row) => trace.service[row] === filter.service);
  if (filter.shape >= 0)
    tests.push((row) => trace.shape[row] === filter.shape);
  if (filter.min > 0)
    tests.push((row) => lasted(row) >= filter.min);
  if (filter.cause >= 0) {
    const rows = trace.causeSets[filter.cause];

    tests.push((row) => rows.has(row));
  }
  if (filter.text !== '') {
    const matches = stringMatcher(filter.text);
    const figure = figureOf(filter.text);
    const inDigits = figure === null ? () => false : stringMatcher(figure);
    const asksPid = /^\s*pid/i.test(filter.text);   // reading all points takes a moment

    tests.push((row) => columnsSearched(row).some((number) => matches(number) || inDigits(number)) ||
      (figure !== null && (String(trace.rows[row]) === figure || (asksPid && String(pidOf(row)) === figure))));
  }
  return tests;
}

// The rows that match, or null when there is no filter.
export function findMatches() {
  if (!isFiltered())
    return null;

  const tests = rowTests();
  const rows = [];

  for (let row = 0; row < trace.count; row++)
    if (tests.every((test) => test(row)))
      rows.push(row);
  return rows;
}
