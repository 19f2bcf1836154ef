// SPDX-License-Identifier: Apache-2.0
//
// The trace of the page: what common/report/page/page_data.c wrote into the one
// element with the id "trace". Nothing else reads that element.

import { readText, parseData } from './packed.js';

export const KIND = {
  TRACE: 0, OTHER: 1, DB: 2, CONNECT: 3, PG: 4, PARSE: 5, PLAN: 6, COMMIT: 7,
  WAIT: 8, NODE: 9, TRIGGER: 10, FUNCTION: 11, WORKER: 12, SQLITE: 13,
  CHECKPOINT: 14, SERVER: 15,
};

export const STATE = {
  ENDED: 0, INTERRUPTED: 1, START_LOST: 2, END_LOST: 3, RUNNING: 4, UNFINISHED: 5,
};

export const STATE_WORDS = [
  '', 'interrupted', 'start lost', 'end lost', 'running', 'running or lost',
];

// A duration of a node of a plan of which only the rows were counted.
const NOT_MEASURED = -2;
const NOT_KNOWN = -1;
const BOUNDED = -3;      // of one without a stop: this less what it took at most

// A number that JavaScript cannot hold digit for digit.
export class ExactNumber {
  constructor(text) { this.text = text; }
}

// Where notifications and ids begin among the data. They are most of a long trace, and the
// page is drawn without them: they are read when they are asked for first. In short data, which
// are not packed and have no check sum, they are read at once: so a damaged file is found.
const POINTS = ',\n\n';
const SHORT = 2 ** 20;

let pointText = '';
let points = null;

async function readTrace() {
  const text = await readText(document.getElementById('trace'));
  const end = text.indexOf(POINTS);
  const trace = parseData(`${text.slice(0, end)}}`);

  pointText = text.slice(end + 1);
  if (text.length <= SHORT)
    pointData();
  trace.count = trace.depth.length;
  linkRows(trace);
  linkCauses(trace);
  linkOwn(trace);
  return trace;
}

// parent: the row of the caller, or -1; end: the first row that is not below.
function linkRows(trace) {
  const { count, depth } = trace;
  const parent = new Int32Array(count);
  const end = new Int32Array(count);
  const open = [];

  for (let row = 0; row < count; row++) {
    while (open.length > 0 && depth[open[open.length - 1]] >= depth[row])
      end[open.pop()] = row;
    parent[row] = open.length > 0 ? open[open.length - 1] : -1;
    open.push(row);
  }
  for (const row of open)
    end[row] = count;
  trace.parent = parent;
  trace.end = end;
  trace.waitsOf = new Map(trace.waits.map(([row, ...waits]) => [row, waits]));
  trace.missingParent = new Map(trace.parents);
}

// cause: 0, or 1 + the finding that has most to do with a row.
function linkCauses(trace) {
  trace.cause = new Uint8Array(trace.count);
  trace.causeSets = trace.claims.map((rows) => new Set(rows));
  trace.causeRows = trace.causeSets.map((rows) => [...rows]);
  trace.causeRows.forEach((rows, index) => {
    for (const row of rows)
      trace.cause[row] = trace.cause[row] || index + 1;
  });
}

// own: the time of a row without that of the measured nodes of its plan. What is not
// measured has no time of its own: its statement keeps it. Each node takes its statement from
// the one above it: climbing again for each would take the square of a deep plan's nodes.
function linkOwn(trace) {
  const statements = new Int32Array(trace.count);

  trace.own = Float64Array.from(trace.self);
  for (let row = 0; row < trace.count; row++) {
    if (trace.kind[row] !== KIND.NODE) {
      statements[row] = row;
      continue;
    }
    const statement = trace.parent[row] >= 0 ? statements[trace.parent[row]] : -1;

    statements[row] = statement;
    trace.own[row] = 0;
    if (statement >= 0 && trace.duration[row] !== NOT_MEASURED) {
      const part = Math.min(trace.own[statement], trace.self[row]);

      trace.own[statement] -= part;
      trace.own[row] = part;
    }
  }
}

export const trace = await readTrace();

function pointData() {
  points ||= parseData(`{${pointText}`);
  pointText = '';
  return points;
}

export const string = (number) => trace.strings[number];

// Notifications and ids name a text that nothing else has by an odd number.
const pointString = (number) =>
  number % 2 === 0 ? trace.strings[number / 2] : pointData().point_strings[(number - 1) / 2];

export const idOf = (row) => pointString(pointData().id[row]);

// The first row whose id passes; -1: none does.
export const rowOfId = (passes) =>
  pointData().id.findIndex((number) => passes(pointString(number)));

export const nameOf = (row) => trace.strings[trace.name[row]];
export const textOf = (row) => trace.strings[trace.text[row]];
export const errorOf = (row) => trace.strings[trace.error[row]];
export const serviceOf = (row) => trace.strings[trace.service[row]];
export const hostOf = (row) => trace.strings[trace.host[row]];

export const hasNoEnd = (row) => trace.duration[row] <= BOUNDED ||
  (trace.duration[row] === NOT_KNOWN && trace.state[row] !== STATE.START_LOST);
export const isUnmeasured = (row) => trace.duration[row] === NOT_MEASURED;

// Where the bar of a row ends. One without a stop is open to the right: up to where its caller
// ended, or the trace.
export function endOf(row) {
  const duration = trace.duration[row];

  if (duration >= 0)
    return trace.begin[row] + duration;
  if (duration <= BOUNDED)
    return trace.begin[row] + BOUNDED - duration;
  return hasNoEnd(row) ? trace.total : trace.begin[row];
}

// The nearest operation whose duration is known: the row itself, or a caller.
export function measuredRow(row) {
  while (row >= 0 && isUnmeasured(row))
    row = trace.parent[row];
  return row;
}

let servedRows = null;      // for each row: the longest statement of the server that is it or in it

// The statement of the server that a client's call ran, the longest one; -1: none.
export function servedRow(row) {
  servedRows ||= longestStatements();
  return trace.kind[row] === KIND.DB ? servedRows[row] : -1;
}

// Goes from the last row to the first, so that all rows below one come before it.
function longestStatements() {
  const longest = new Int32Array(trace.count).fill(-1);

  for (let row = trace.count - 1; row >= 0; row--) {
    const parent = trace.parent[row];

    if (trace.kind[row] === KIND.PG)
      longest[row] = row;
    const found = longest[row];

    if (parent >= 0 && found >= 0 &&
        (longest[parent] < 0 || trace.duration[found] >= trace.duration[longest[parent]]))
      longest[parent] = found;
  }
  return longest;
}

export const STATEMENTS = new Set([KIND.DB, KIND.PG, KIND.SQLITE]);

// The findings that name an operation; those of a statement also name what ran for it.
export function findingsOf(row) {
  const end = STATEMENTS.has(trace.kind[row]) ? trace.end[row] : row + 1;

  return trace.explained.findings.filter((_, index) =>
    trace.causeRows[index].some((other) => other >= row && other < end));
}

// A value for each row, from that of its caller (-1: it has none), so that no row asks all of
// its callers again.
export function fromCaller(value) {
  const values = new Int32Array(trace.count);

  for (let row = 0; row < trace.count; row++)
    values[row] = value(row, trace.parent[row] >= 0 ? values[trace.parent[row]] : -1);
  return values;
}

// The rows of a fold, in the order of time.
export function rowsOfFold(fold) {
  const rows = [];
  const first = trace.folds[fold][0];
  const parent = trace.parent[first];
  const end = parent >= 0 ? trace.end[parent] : trace.count;

  for (let row = first; row < end; row = trace.end[row])
    if (trace.fold[row] === fold + 1)
      rows.push(row);
  return rows;
}

function timestampAfter(us) {
  const { started } = trace;
  const first = Date.parse(`${started.slice(0, 23)}Z`) * 1000 + Number(started.slice(23));
  const time = first + us;
  const ms = Math.floor(time / 1000);

  return new Date(ms).toISOString().slice(0, 23) + String(time - ms * 1000).padStart(3, '0');
}

// Fills a template with the values at values[place.at]. Objects become Maps,
// for a key may have any name.
function fillTemplate(template, place) {
  if (Array.isArray(template))
    return template.map((item) => fillTemplate(item, place));
  if (template !== null && typeof template === 'object')
    return new Map(Object.entries(template).map(
      ([key, value]) => [key, fillTemplate(value, place)]));
  if (typeof template !== 'number')
    return template;

  const value = pointData().values[place.at++];

  switch (template) {
    case 1: return pointString(value);
    case 2: return new ExactNumber(pointString(value));
    case 3: return timestampAfter(value);
    default: return value;
  }
}

// The notifications of a row: their name and what else they hold.
export function pointsOf(row) {
  const { at, values, templates } = pointData();
  const place = { at: at[row] };
  const found = [];

  for (let count = values[place.at++]; count > 0; count--) {
    const name = pointString(values[place.at++]);
    const template = templates[values[place.at++]];

    found.push({ name, stop: name.endsWith('stop'), content: fillTemplate(template, place) });
  }
  return found;
}

// A member of what a point holds: memberOf(content, 'info', 'db', 'node').
export function memberOf(value, ...keys) {
  for (const key of keys)
    value = value instanceof Map ? value.get(key) : undefined;
  return value;
}

export const numberOf = (value) =>
  value instanceof ExactNumber ? Number(value.text) : value;
