// SPDX-License-Identifier: Apache-2.0
//
// Why the trace took as long as it did: the findings, each with its operations.

import { trace, string } from './trace.js';
import { durationText, pluralText, shareText } from './text.js';
import { el, visibleNodes, replaceIn } from './dom.js';
import { view, setFilter, clearFilter, setTab, changed } from './view.js';
import { selectRow } from './waterfall.js';

// Marks the operations of a finding and goes to the one that it names first.
function goToCause(index) {
  const rows = trace.causeRows[index];

  view.cause = index;
  setTab('waterfall');
  clearFilter();
  if (rows.length > 0)
    selectRow(rows[0], { details: true, center: true });
  changed('rows');
}

function filterCause(index) {
  view.cause = index;
  setTab('waterfall');
  setFilter({ cause: index });
}

function shareOf(share) {
  const bar = el('i.share-bar');

  bar.style.setProperty('--share', String(Math.min(share, 1)));
  return bar;
}

function makeCause(finding, index) {
  const rows = trace.causeRows[index];

  return el('li.cause', {},
    el('div.cause-share', {},
      el('b', {}, shareText(finding.share)),
      el('span', {}, durationText(finding.time_ms * 1e6)),
      shareOf(finding.share)),
    el('div.cause-text', {},
      el('h3', {}, el('button.cause-title', {
        type: 'button', title: 'Show it in the waterfall', disabled: rows.length === 0,
        onclick: () => goToCause(index),
      }, visibleNodes(finding.cause))),
      finding.evidence && el('p.evidence', {}, visibleNodes(finding.evidence)),
      el('p.next', {}, el('b', {}, 'Next'), ' ', visibleNodes(finding.next_step)),
      rows.length > 0 && el('p.cause-links', {},
        el('button.link', { type: 'button', onclick: () => goToCause(index) },
          'Go to the operation'),
        rows.length > 1 && el('button.link', { type: 'button', onclick: () => filterCause(index) },
          `Show only its ${pluralText(rows.length, 'operation')}`))));
}

function goToOperation(id) {
  const row = trace.id.findIndex((number) => string(number) === id);

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
        }, visibleNodes(statement.statement)), ': ', visibleNodes(statement.why))));
}

export function makeCauses() {
  const { findings, longest, not_explained: rest } = trace.explained;
  const section = el('section.causes', { 'aria-label': 'Why it took so long' });

  if (trace.count === 0)
    return section;
  if (findings.length + longest.length === 0)
    return replaceIn(section, el('p.dim', {},
      'Nothing stands out: no known cause took both 5 % of the time and 10 ms.'));
  return replaceIn(section,
    el('h2', {}, `Why it took ${durationText(trace.total)}`),
    el('ol', {}, findings.map(makeCause),
      el('li.cause.rest', {},
        el('div.cause-share', {}, el('b', {}, shareText(rest)), shareOf(rest)),
        el('div.cause-text', {}, el('p.evidence', {},
          longest.length > 0 ? 'Not explained, above all:' : 'Not explained'))),
      longest.map(makeLongest)));
}
