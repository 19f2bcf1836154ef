// SPDX-License-Identifier: Apache-2.0
//
// Why the trace took as long as it did: the findings, each with its operations.

import { trace, textOf, rowOfId, fromCaller, string } from './trace.js';
import { durationText, countText, pluralText, shareText, shareTexts, lineText, microText } from './text.js';
import { el, visibleNodes, replaceIn } from './dom.js';
import { sqlNodes } from './sql.js';
import { planLine, wrongLine, joinLine } from './plan.js';
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

// Opens the plan at one of its nodes.
function goToNode(index, row) {
  view.cause = index;
  setTab('waterfall');
  clearFilter();
  selectRow(row, { details: true, center: true, plan: true });
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

// "95 %", or "~95 %" where the rows of a plan were all that is known of its time.
export function shareOfFinding(finding) {
  const index = trace.explained.findings.indexOf(finding);

  return `${trace.about[index][2] ? '~' : ''}${shares[index]}`;
}

function shareOf(share) {
  const bar = el('i.share-bar');

  bar.style.setProperty('--share', String(Math.min(share, 1)));
  return bar;
}

const CARD_TEXT_SHOWN = 400;
const MOST = 0.995;     // of a finding that is rounded to all of it

// What findings are about: a card for each statement, with those that most of its time explains, the
// largest sum first. A finding without one statement has a card alone.
function makeCards() {
  const cards = new Map();

  trace.explained.findings.forEach((finding, index) => {
    const [statement] = trace.about[index];
    const key = statement < 0 ? `finding ${index}` : trace.shapes[trace.shape[statement]][1];
    const card = cards.get(key) || { statement, indexes: [], ms: 0, percent: 0 };

    cards.set(key, card);
    card.indexes.push(index);
    card.ms += finding.time_ms;
    card.percent += parseInt(shares[index], 10) || 0;
    card.estimated ||= trace.about[index][2] === 1;
  });
  return [...cards.values()].sort((a, b) => b.percent - a.percent);
}

// The evidence without the statement that it begins with, where that stands above it.
function evidenceBelow(evidence, statement) {
  const text = statement < 0 ? '' : textOf(statement).replace(/\s+/g, ' ').trim();
  let length = 0;

  while (length < text.length && evidence[length] === text[length])
    length++;
  const [before] = /^[…;]*[:;] /.exec(evidence.slice(length)) || [];

  return length > 0 && before !== undefined && (length === text.length || before[0] === '…' || text[length] === ';')
    ? evidence.slice(length + before.length) : evidence;
}

function goToStatement(row) {
  setTab('waterfall');
  clearFilter();
  selectRow(row, { details: true, center: true });
}

// The statement of a card. Of one that ran often its constants differ.
function statementOfCard({ statement, indexes, ms, percent, estimated }) {
  const [, alike, , count] = trace.shapes[trace.shape[statement]];
  const text = count > 1 ? string(alike) : textOf(statement);

  return el('div.card-head', {},
    el('button.card-statement', {
      type: 'button', title: 'Show the statement in the waterfall', onclick: () => goToStatement(statement),
    }, el(`i.dot.k${trace.kind[statement]}`), count > 1 && el('span.card-count', {}, `${countText(count)} ×`),
    el('code', {}, sqlNodes(lineText(text, CARD_TEXT_SHOWN)))),
    indexes.length > 1 && el('span.card-sum', {}, el('b', {}, `${estimated ? '~' : ''}${percent} %`), ' together, ',
      durationText(Math.round(ms * 1e6))));
}

// Beside a card of several causes there is room for as many others. It shows each node once.
function makeCard(card) {
  const { statement, indexes } = card;
  const nodes = indexes.map((index) => trace.about[index][3]);
  const element = el('li.card', {}, statement >= 0 && statementOfCard(card),
    indexes.map((index, at) =>
      makeCause(index, statement, nodes.indexOf(nodes[at]) === at)));

  element.style.setProperty('--causes', String(indexes.length));
  return element;
}

// The nodes of a plan that a finding is about: the one to blame; of a wrong estimate also those
// that took the time. isFirst: no finding above it in the card shows the first of them.
function nodesOfCause(index, isFirst) {
  const [, , , node, join, inner, ns] = trace.about[index];
  const to = (row) => () => goToNode(index, row);

  if (join >= 0 && inner >= 0 && node >= 0)
    return [isFirst && wrongLine(node, to(node)), joinLine(join, inner, ns, to(join))];
  return isFirst && node >= 0 && planLine(node, to(node));
}

function makeCause(index, statement, isFirst) {
  const finding = trace.explained.findings[index];
  const rows = trace.causeRows[index];
  const [, part] = trace.about[index];
  const time = durationText(finding.time_ms * 1e6);
  const evidence = evidenceBelow(finding.evidence, statement);

  return el('div.cause', {},
    el('div.cause-share', {},
      el('b', {}, shareOfFinding(finding)),
      el('span', {}, 'of the trace'),
      el('span', {}, time),
      shareOf(finding.share)),
    el('div.cause-text', {},
      el('h3', {}, el('button.cause-title', {
        type: 'button', title: 'Show it in the waterfall', disabled: rows.length === 0,
        onclick: () => goToCause(index),
      }, visibleNodes(microText(finding.cause)))),
      evidence && evidence !== time && el('p.evidence', {}, visibleNodes(microText(evidence)),
        statement >= 0 && part < MOST && ` (${shareText(part)} of it in this statement)`),
      nodesOfCause(index, isFirst),
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
        }, statement.count > 1 && `${statement.count} × `, visibleNodes(statement.statement), ':'), ' ', visibleNodes(microText(statement.why)))));
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

const measureWords = (measure) => measure && el('li.cause.rest', {}, el('div.cause-share', {}),
  el('div.cause-text', {}, el('p.evidence', {},
    'Times of plan nodes are judged by their rows. To measure them, in the session or for the role: ',
    el('code', {}, measure))));

function endedText({ by, time_ms: ms, count, session }) {
  if (session)
    return `A session was ended by ${by}.`;
  const which = count === 1 ? 'A statement did not finish, ended'
    : `${countText(count)} statements did not finish, the longest ended`;

  return `${which} after ${durationText(ms * 1e6)} by ${by}.`;
}

const OPEN_STATES = {
  running: 'Still running', unfinished: 'Not finished, running or lost',
  'end lost': 'Not finished, end lost', interrupted: 'Interrupted',
};

// The operation at which the trace is not finished.
const unfinishedWords = ({ state, begun, operation, what, waits_for: lock, count }) => el('p.ended', {},
  `${OPEN_STATES[state]}, begun at ${begun.split('T')[1].slice(0, 12)} UTC: `,
  el('button.link', {
    type: 'button', title: 'Show it in the waterfall', onclick: () => goToOperation(operation),
  }, visibleNodes(what)),
  lock && ['; it waits for ', visibleNodes(lock)],
  count > 1 && `; and ${pluralText(count - 1, 'other operation')}`, '.');

const goesOn = (unfinished) => unfinished && unfinished.state !== 'interrupted';

export function makeCauses() {
  const {
    findings, longest, not_explained: rest, not_explained_parts: parts, measure_nodes: measure, ended,
    unfinished,
  } = trace.explained;
  const section = el('section.causes', { 'aria-label': 'Why it took so long' });

  if (trace.count === 0)
    return section;
  if (findings.length + longest.length === 0)
    return replaceIn(section, unfinished && unfinishedWords(unfinished), el('p.dim', {},
      'Nothing stands out: no known cause took both 5 % of the time and 10 ms.'),
    parts.length > 0 && el('p.dim', {}, 'Where the time went: ', restParts(parts)));
  return replaceIn(section, unfinished && unfinishedWords(unfinished),
    el('details.causes-fold', { open: true }, el('summary', {},
      el('h2', {}, `Why it took ${durationText(trace.total)}`,
        goesOn(unfinished) && ' until the last point that is here')),
    ended && el('p.ended', {}, endedText(ended)),
    el('ol', {}, makeCards().map(makeCard),
      el('li.cause.rest', {},
        el('div.cause-share', {}, el('b', {}, shares.at(-1)), shareOf(rest)),
        el('div.cause-text', {}, restWords(parts, longest.length > 0))),
      longest.map(makeLongest), measureWords(measure))));
}
