// SPDX-License-Identifier: Apache-2.0
//
// Groups: the operations of a fold that the filter lets through, drawn as one line. What they
// took together, and when they ran.

import { trace, endOf, rowsOfFold } from './trace.js';
import { lines, isNeeded } from './lines.js';

// Sums over operations. Times that are not known are not among them.
export function sumsOfRows(rows) {
  const times = rows.map((row) => trace.duration[row]).filter((ns) => ns >= 0).sort((a, b) => a - b);

  return {
    rows,
    row: rows[0],
    isWithin: false,
    count: rows.length,
    begin: rows.reduce((least, row) => Math.min(least, trace.begin[row]), Infinity),
    end: rows.reduce((most, row) => Math.max(most, endOf(row)), 0),
    total: times.reduce((sum, ns) => sum + ns, 0),
    least: times[0] ?? -1,
    median: times[times.length >> 1] ?? -1,
    most: times.at(-1) ?? -1,
  };
}

function sumsOfFold(fold) {
  const [first, count, begin, end, total, least, median, most] = trace.folds[fold];

  return { rows: rowsOfFold(fold), row: first, isWithin: false, count, begin, end, total, least, median, most };
}

let known = [];         // of each fold that was asked for
let knownOf = null;     // what the filter lets through, when they were

// What a filter lets through below members of a group, if it lets none of the members through and
// all of that is alike: the statements of the server in calls of a client. Or null.
function alikeBelow(members) {
  const found = [];

  for (const member of members)
    for (let row = member; row < trace.end[member]; row++)
      if (lines.isMatch[row] === 1) {
        if (row === member || trace.shape[row] !== trace.shape[found[0] ?? row])
          return null;
        found.push(row);
      }
  return found.length > 0 ? { ...sumsOfRows(found), isWithin: true } : null;
}

function sumsOfMatches(fold) {
  const members = rowsOfFold(fold).filter(isNeeded);

  return alikeBelow(members) || { ...sumsOfRows(members), row: trace.folds[fold][0] };
}

// A group: { rows, row, isWithin, count, begin, end, total, least, median, most }; row stands for
// it, isWithin: its rows are below the members.
export function groupOf(fold) {
  if (knownOf !== lines.needed)
    [known, knownOf] = [[], lines.needed];
  known[fold] ||= lines.needed === null ? sumsOfFold(fold) : sumsOfMatches(fold);
  return known[fold];
}

// Are some of a group's operations such that a filter lets them through?
export const hasMatch = ({ rows }) => rows.some((row) => lines.isMatch[row] === 1 || lines.isPart[row] === 1);

// Of each of so many equal parts of a time: the share in which one of the operations ran; more
// than 1 where several did.
export function densityOf(rows, from, to, parts) {
  const shares = new Float32Array(parts + 1);
  const whole = new Int32Array(parts + 2);   // differences: how many run all through a part
  const scale = parts / (to - from);
  let running = 0;

  for (const row of rows) {
    const begin = Math.max((trace.begin[row] - from) * scale, 0);
    const end = Math.min((endOf(row) - from) * scale, parts);
    const first = Math.floor(begin);
    const last = Math.floor(end);

    if (end < begin || first >= parts)
      continue;
    if (first === last)
      shares[first] += Math.max(end - begin, 1e-6);   // however short it is, it ran there
    else {
      shares[first] += first + 1 - begin;
      shares[last] += end - last;
      whole[first + 1]++;
      whole[last]--;
    }
  }
  for (let part = 0; part < parts; part++) {
    running += whole[part];
    shares[part] += running;
  }
  return shares.subarray(0, parts);
}
