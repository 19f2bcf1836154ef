// SPDX-License-Identifier: Apache-2.0
//
// Which operations the filter lets through. Texts are searched once each, however
// many operations have them.

import { trace, measuredRow } from './trace.js';
import { view, isFiltered } from './view.js';
import { el } from './dom.js';

// A function that says whether a text matches; null for a regular expression that
// is none. "/x/" and "/x/i" are regular expressions, all else is a part of the text.
export function textMatcher(query) {
  const match = /^\/(.+)\/([a-z]*)$/s.exec(query);
  const part = query.toLowerCase();

  if (!match)
    return (text) => text.toLowerCase().includes(part);
  try {
    const expression = new RegExp(match[1], match[2].replace(/[gy]/g, ''));

    return (text) => expression.test(text);
  } catch {
    return null;
  }
}

// Nodes for a text in which what the search found is marked.
export function markedText(text) {
  const query = view.filter.text;
  const nodes = [];
  let plain = 0;

  if (query === '' || textMatcher(query) === null)
    return [text];
  const [, pattern, flags] = /^\/(.+)\/([a-z]*)$/s.exec(query) ||
    [null, query.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'), 'i'];

  for (const match of text.matchAll(new RegExp(pattern, `${flags.replace(/[gy]/g, '')}g`))) {
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
    const rows = new Set(trace.causeRows[filter.cause]);

    tests.push((row) => rows.has(row));
  }
  if (filter.text !== '') {
    const matches = stringMatcher(filter.text);

    tests.push((row) => matches(trace.text[row]) || matches(trace.name[row]) ||
      matches(trace.error[row]) || matches(trace.id[row]));
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
