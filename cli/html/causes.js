// SPDX-License-Identifier: Apache-2.0
//
// Why the trace took as long as it did: the findings, each with its operations.

import { trace, KIND, rowOfId, fromCaller, servedRow } from './trace.js';
import { durationText, pluralText, shareText, shareTexts, lineText, microText } from './text.js';
import { el, visibleNodes, replaceIn } from './dom.js';
import { view, setFilter, clearFilter, setTab, changed } from './view.js';
import { selectGroup, selectRow, showTool } from './waterfall.js';

// The outermost member of a fold that a row is, or is below; -1: there is none.
const outerMembers = () => fromCaller((row, above) =>
  (above >= 0 || trace.fold[row] === 0 ? above : row));

// The fold that several of the rows are in, or -1.
function commonFold(rows) {
  const outer = outerMembers();
  const members = new Set(rows.map((row) => outer[row]));
  const folds = [...members].filter((row) => row >= 0).map((row) => trace.fold[row] - 1);

  return folds.length > 1 && folds[0] === folds[1] ? folds[0] : -1;
}

// Marks the operations of a finding and goes to the one that it names first, or to the
// group that several of them are.
function goToCause(index) {
  const rows = trace.causeRows[index];

  view.cause = index;
  setTab('waterfall');
  clearFilter();
  const fold = view.grouped ? commonFold(rows) : -1;

  if (fold >= 0)
    selectGroup(fold, { details: true, center: true });
  else if (rows.length > 0)
    selectRow(rows[0], { details: true, center: true });
  changed('rows');
}

function filterCause(index) {
  view.cause = index;
  setTab('waterfall');
  setFilter({ cause: index });
  showTool();
}

// Of the findings, and of the rest; they add up to 100.
const shares = trace.count === 0 ? [] : shareTexts(
  [...trace.explained.findings.map(({ share }) => share), trace.explained.not_explained], 1);

export const shareOfFinding = (finding) => shares[trace.explained.findings.indexOf(finding)];

function shareOf(share) {
  const bar = el('i.share-bar');

  bar.style.setProperty('--share', String(Math.min(share, 1)));
  return bar;
}

const STATEMENTS_RUN = new Set([KIND.PG, KIND.SQLITE]);

// For each finding: the one statement that all of its operations are, ran in the server, or
// are part of; or -1.
function findStatements() {
  const around = fromCaller((row, above) =>
    (STATEMENTS_RUN.has(trace.kind[row]) || trace.kind[row] === KIND.DB ? row : above));
  const served = (row) => (row >= 0 && servedRow(row) >= 0 ? servedRow(row) : row);

  return trace.causeRows.map((rows) => {
    const statement = rows.length > 0 ? served(around[rows[0]]) : -1;

    return rows.every((row) => served(around[row]) === statement) ? statement : -1;
  });
}

const causeStatements = trace.causeRows.length > 0 ? findStatements() : [];

// Other findings about the same statement, and how much they are together.
function sameStatement(index) {
  const { findings } = trace.explained;
  const statement = causeStatements[index];
  const others = [...findings.keys()].filter((other) =>
    other !== index && statement >= 0 && causeStatements[other] === statement);
  const share = others.reduce((sum, other) => sum + findings[other].share, findings[index].share);

  return others.length > 0 && el('p.evidence.same-statement', {}, 'Same statement as ',
    others.map((other, at) => [at > 0 ? ' and ' : '', el('button.link', {
      type: 'button', title: 'Show this finding',
      onclick: (event) => event.target.closest('ol').querySelectorAll('.cause-title')[other].focus(),
    }, `“${lineText(microText(findings[other].cause), 60)}”${at === others.length - 1 ? ',' : ''}`)]),
  ` together ${shareText(share)}`);
}

function makeCause(finding, index) {
  const rows = trace.causeRows[index];

  return el('li.cause', {},
    el('div.cause-share', {},
      el('b', {}, shareOfFinding(finding)),
      el('span', {}, 'of the trace'),
      el('span', {}, durationText(finding.time_ms * 1e6)),
      shareOf(finding.share)),
    el('div.cause-text', {},
      el('h3', {}, el('button.cause-title', {
        type: 'button', title: 'Show it in the waterfall', disabled: rows.length === 0,
        onclick: () => goToCause(index),
      }, visibleNodes(microText(finding.cause)))),
      finding.evidence && el('p.evidence', {}, visibleNodes(microText(finding.evidence))),
      sameStatement(index),
      el('p.next', {}, el('b', {}, 'Next'), ' ', visibleNodes(finding.next_step)),
      rows.length > 0 && el('p.cause-links', {},
        el('button.link', { type: 'button', onclick: () => goToCause(index) },
          'Go to the operation'),
        rows.length > 1 && el('button.link', { type: 'button', onclick: () => filterCause(index) },
          `Show only its ${pluralText(rows.length, 'operation')}`))));
}

function goToOperation(id) {
  const row = rowOfId((text) => text === id);

  setTab('waterfall');
  clearFilter();
  if (row >= 0)
    selectRow(row, { details: true, center: true });
}

// A statement of which only the time is known, and what can be said of it.
function makeLongest(statement) {
  return el('li.cause.rest', {},
    el('div.cause-share', {},
      el('b', {}, shareText(statement.share)),
      el('span', {}, durationText(statement.time_ms * 1e6)),
      shareOf(statement.share)),
    el('div.cause-text', {},
      el('p.evidence', {},
        el('button.link', {
          type: 'button', title: 'Show it in the waterfall',
          onclick: () => goToOperation(statement.operation),
        }, visibleNodes(statement.statement), ':'), ' ', visibleNodes(microText(statement.why)))));
}

// Of what the rest consists, the largest part first.
function restParts(parts) {
  const sorted = [...parts].sort((a, b) => b.share - a.share);
  const texts = shareTexts(sorted.map(({ share }) => share), parseInt(shares.at(-1), 10) / 100);

  return sorted.map(({ time_ms: ms, what }, index) => [index > 0 && '; ', el('span.rest-part', {
    title: durationText(ms * 1e6),
  }, el('b', {}, texts[index]), ` ${what}`)]);
}

const restWords = (parts, areLongest) => [
  parts.length > 0 ? el('p.evidence', {}, areLongest ? 'Without a finding: ' : 'Not explained: ',
    restParts(parts)) : !areLongest && el('p.evidence', {}, 'Not explained'),
  areLongest && el('p.evidence', {}, 'Not explained, above all:'),
];

export function makeCauses() {
  const { findings, longest, not_explained: rest, not_explained_parts: parts } = trace.explained;
  const section = el('section.causes', { 'aria-label': 'Why it took so long' });

  if (trace.count === 0)
    return section;
  if (findings.length + longest.length === 0)
    return replaceIn(section, el('p.dim', {},
      'Nothing stands out: no known cause took both 5 % of the time and 10 ms.'),
    parts.length > 0 && el('p.dim', {}, 'Where the time went: ', restParts(parts)));
  return replaceIn(section,
    el('details.causes-fold', { open: true }, el('summary', {},
      el('h2', {}, `Why it took ${durationText(trace.total)}`)),
    el('ol', {}, findings.map(makeCause),
      el('li.cause.rest', {},
        el('div.cause-share', {}, el('b', {}, shares.at(-1)), shareOf(rest)),
        el('div.cause-text', {}, restWords(parts, longest.length > 0))),
      longest.map(makeLongest))));
}
