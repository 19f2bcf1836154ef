// SPDX-License-Identifier: Apache-2.0
//
// Which operations the filter lets through. Texts are searched once each, however
// many operations have them.

import { trace, idOf, isUnmeasured, pointsOf, memberOf, numberOf } from './trace.js';
import { view, isFiltered } from './view.js';
import { lineText } from './text.js';
import { el } from './dom.js';
import { compilePattern } from './pattern.js';
import { PatternSearch } from './patternrun.js';

const TOOK_TOO_LONG = 'The search was ended: for this trace the regular expression takes too long.';

// A text without upper case, of the same length: the lower case of İ alone is longer.
const foldCase = (text) => text.replaceAll('İ', 'i').toLowerCase();

// A query: "/x/" and "/x/s" are regular expressions, all else is a part of the text. Neither
// regards case. { part }, { search } or { mistake }.
function readQuery(query) {
  const [, pattern, flags] = /^\/(.+)\/([a-z]*)$/s.exec(query) || [];

  if (pattern === undefined)
    return { query, part: foldCase(query) };
  const compiled = compilePattern(pattern, flags);

  return { query, mistake: compiled.mistake, search: compiled.mistake ? null : new PatternSearch(compiled) };
}

let lastQuery = readQuery('');

function askedFor(query) {
  if (lastQuery.query !== query)
    lastQuery = readQuery(query);
  return lastQuery;
}

// What is wrong with what is searched for, in one sentence; or an empty text.
export function searchMistake() {
  const { mistake, search } = askedFor(view.filter.text);

  return mistake || (search && search.tookTooLong ? TOOK_TOO_LONG : '');
}

// A function that says whether a text matches.
function textMatcher(query) {
  const { part, search } = askedFor(query);

  if (part !== undefined)
    return (text) => foldCase(text).includes(part);
  if (search === null)
    return () => false;
  search.begin();
  return (text) => search.test(text);
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

// Where a text has a part, whose case is folded: [begin, end], ...
function spansOfPart(text, part) {
  const folded = foldCase(text);
  const spans = [];

  for (let at = folded.indexOf(part); at >= 0; at = folded.indexOf(part, at + part.length))
    spans.push([at, at + part.length]);
  return spans;
}

// Where a text of a few lines has what is searched for: [begin, end], ...
function spansIn(text) {
  const { part, search } = askedFor(view.filter.text);

  if (part === undefined)
    return search === null || search.tookTooLong ? [] : search.spans(text);
  return spansOfPart(text, part);
}

const PLACE_SHOWN = 30;        // characters that a narrow line shows
const PLACE_BEFORE = 16;
const PLACE_SEARCHED = 4000;

// A text in one line, from its beginning on; or, if what was found is where the line is cut off,
// from a bit before that on.
export function foundLine(text, length) {
  const [[place] = [0]] = view.filter.text === '' ? [] : spansIn(text.slice(0, PLACE_SEARCHED));

  return place < PLACE_SHOWN ? lineText(text, length)
    : `…${lineText(text.slice(place - PLACE_BEFORE).replace(/^[\udc00-\udfff]/, ''), length)}`;
}

// Nodes for a text in which what the search found is marked.
export function markedText(text) {
  const nodes = [];
  let plain = 0;

  if (view.filter.text === '')
    return [text];
  for (const [begin, end] of spansIn(text)) {
    nodes.push(text.slice(plain, begin), el('mark', {}, text.slice(begin, end)));
    plain = end;
  }
  return [...nodes, text.slice(plain)];
}

// For each string 0: not looked at yet, 1: it matches, 2: it does not.
function stringMatcher(matches) {
  const known = new Uint8Array(trace.strings.length);

  return (number) => {
    if (known[number] === 0)
      known[number] = matches(trace.strings[number]) ? 1 : 2;
    return known[number] === 1;
  };
}

// One whose end is not known may have lasted long; one that nobody measured has no time.
function lasted(row) {
  const duration = trace.duration[row];

  return isUnmeasured(row) ? 0 : duration >= 0 ? duration : Infinity;
}

// The strings of an operation that are searched, beside its id; the last one has no constants.
const columnsSearched = (row) => [trace.text[row], trace.name[row], trace.error[row],
  trace.remark[row], trace.shapes[trace.shape[row]][1]];

// A function that says whether an operation has what is searched for in one of its texts.
function rowMatcher(query) {
  const matches = textMatcher(query);
  const matchesString = stringMatcher(matches);

  return (row) => columnsSearched(row).some(matchesString) || matches(idOf(row));
}

let lastText = '';      // the last one without a mistake: while one is made, its matches stay

function rowTests() {
  const { filter } = view;
  const tests = [];

  if (!askedFor(filter.text).mistake)
    lastText = filter.text;

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
  if (lastText !== '') {
    const matches = rowMatcher(lastText);
    const figure = figureOf(lastText);
    const inDigits = figure === null ? () => false : rowMatcher(figure);
    const asksPid = /^\s*pid/i.test(lastText);   // reading all points takes a moment

    tests.push((row) => matches(row) || inDigits(row) || (figure !== null &&
      (String(trace.rows[row]) === figure || (asksPid && String(pidOf(row)) === figure))));
  }
  return tests;
}

// The rows that match, or null when there is no filter.
export function findMatches() {
  if (!isFiltered()) {
    lastText = '';
    return null;
  }

  const tests = rowTests();
  const rows = [];

  if (tests.length === 0)
    return null;
  for (let row = 0; row < trace.count; row++)
    if (tests.every((test) => test(row)))
      rows.push(row);
  return askedFor(lastText).search?.tookTooLong ? [] : rows;
}
