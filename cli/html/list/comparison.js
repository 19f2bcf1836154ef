// SPDX-License-Identifier: Apache-2.0
//
// Two traces side by side. The comparison is that of `osprofiler trace diff --json`
// (common/report/diff): nothing is computed here.
//
//   { view: 'compare', diff: {...}, messages: [...] }

import { durationText, countText, lineText, pluralText } from '../text.js';
import { el, replaceIn, visibleNodes } from '../dom.js';
import { compareAddress, traceAddress } from '../marks.js';

// A change of less than this part of the longer trace is left out at first.
const SMALL = 0.01;

const ROWS_MAX = 500;

const timeText = (ms) => (ms === undefined ? '–' : durationText(Math.round(ms * 1e6)));

const signedText = (ms) => {
  const ns = Math.round(ms * 1e6);

  return `${ns > 0 ? '+' : ns < 0 ? '−' : ''}${durationText(Math.abs(ns))}`;
};

const signOf = (ms) => (ms > 0 ? 'more' : ms < 0 ? 'less' : 'same');

// ---- the two traces ----

const fact = (kind, number, words) => number > 0 &&
  el(`span.fact.${kind}`, {}, `${countText(number)} ${words}`);

function card(letter, trace) {
  const id = String(trace.base_id ?? '');
  const [day, time] = (trace.started || '').split('T');

  return el('section.side', { 'aria-label': `Trace ${letter}` },
    el('h2', {}, el('span.letter', {}, letter), ' ',
      el('a', { href: traceAddress(id) }, lineText(id, 60))),
    el('p.side-total', {}, timeText(trace.duration_ms)),
    el('p.meta', {}, time ? el('span', {}, `${day} ${time.slice(0, 12)} UTC`) : null),
    el('p.facts', {},
      el('span.fact', {}, pluralText(trace.operations, 'operation')),
      fact('failed', trace.failed, 'failed'),
      fact('unfinished', trace.unfinished, 'unfinished'),
      fact('lost', trace.lost_points, 'points lost'),
      fact('lost', trace.malformed_points, 'malformed points')));
}

function sentence({ a, b, change_ms: change }) {
  if (Math.abs(change) < 0.0005)
    return 'Both took the same time.';
  const times = a.duration_ms > 0 ? b.duration_ms / a.duration_ms : 0;
  const share = times >= 2 ? ` (${times.toFixed(1)} times as long)`
    : times > 0 ? ` (${change > 0 ? '+' : '−'}${Math.round(Math.abs(times - 1) * 100)} %)` : '';

  return `B took ${timeText(Math.abs(change))} ${change > 0 ? 'longer' : 'less'}${share}. ` +
    'The changes of own times below add up to that.';
}

// ---- its operations ----

const planWords = ({ kind, nodes, count }) => el('li', {},
  el('span.dim', {}, `${countText(count)} × ${kind || 'plan'} `), nodes ? el('code', {}, lineText(nodes, 400)) : '');

const sideDetails = (letter, side) => el('div', {},
  el('b', {}, letter), ' ',
  side.count === 0 ? 'did not run' : [
    `total ${timeText(side.total_ms)}, longest ${timeText(side.max_ms)}`,
    side.failed > 0 ? `, ${countText(side.failed)} failed` : '',
    side.plan_cost === undefined ? '' : `, expected cost ${Math.round(side.plan_cost)}`,
    el('ul', {}, side.plans.map(planWords)),
  ]);

function details(row) {
  return el('tr.more-row', { hidden: true }, el('td', { colSpan: 6 },
    row.text ? el('pre', {}, visibleNodes(row.text)) : null,
    el('div.both', {}, sideDetails('A', row.a), sideDetails('B', row.b))));
}

function changeCell(row, largest) {
  const bar = el(`i.change-bar.${signOf(row.change_ms)}`, { 'aria-hidden': 'true' });

  bar.style.setProperty('--share', String(largest > 0 ? Math.abs(row.change_ms) / largest : 0));
  return el(`td.figure.change.${signOf(row.change_ms)}`, {}, signedText(row.change_ms), bar);
}

const sideCells = (letter, side) => [
  el(`td.figure.${side.count > 0 ? 'count' : 'none'}.of-${letter}`, {}, side.count > 0 ? countText(side.count) : '–'),
  el(`td.figure.self.of-${letter}`, {}, side.count > 0 ? timeText(side.self_ms) : '–'),
];

function lines(row, largest) {
  const more = details(row);
  const button = el('button.shape-name', {
    type: 'button', 'aria-expanded': 'false', title: 'Totals, plans and the whole text',
    onclick: () => {
      more.hidden = !more.hidden;
      button.setAttribute('aria-expanded', String(!more.hidden));
    },
  }, el('b.name', {}, lineText(row.name || '–', 60)), ' ',
  row.plans_differ === true && el('span.tag.mark', {}, 'other plan'),
  row.part_of_statement && el('span.tag', {}, 'part of a statement'), ' ',
  el('span.text', {}, lineText(row.text || '', 200)));

  return [el('tr', {}, el('th', { scope: 'row' }, button), changeCell(row, largest),
    sideCells('a', row.a), sideCells('b', row.b)), more];
}

const hasChanged = (row, least) => Math.abs(row.change_ms) >= least || row.plans_differ === true ||
  row.a.count !== row.b.count || row.a.failed !== row.b.failed;

function operations({ a, b, rows }) {
  const least = Math.max(a.duration_ms, b.duration_ms) * SMALL;
  const largest = Math.max(0, ...rows.slice(0, 1).map((row) => Math.abs(row.change_ms)));
  const changed = rows.filter((row) => hasChanged(row, least));
  const box = el('section.operations');
  let all = changed.length === 0;

  const draw = () => {
    const shown = all ? rows : changed;

    replaceIn(box,
      el('p.shapes-mode', { role: 'group', 'aria-label': 'Which operations' },
        [[false, 'What has changed'], [true, 'All operations']].map(([mode, words]) => el('button', {
          type: 'button', 'aria-pressed': String(all === mode),
          onclick: () => { all = mode; draw(); },
        }, words)),
        el('span.dim', {}, 'Operations that differ in constants only are one line.')),
      el('div.scroll-sideways.compared', {}, el('table', {},
        el('thead', {}, el('tr', {},
          [['', 'Operation'], ['figure.change', 'Change'], ['figure.count', 'A count'], ['figure.self', 'A own time'],
            ['figure.count', 'B count'], ['figure.self', 'B own time']].map(([kind, words]) =>
            el(kind ? `th.${kind}` : 'th', { scope: 'col' }, words)))),
        el('tbody', {}, shown.slice(0, ROWS_MAX).map((row) => lines(row, largest))))),
      shown.length > ROWS_MAX && el('p.dim', {},
        `${countText(shown.length - ROWS_MAX)} more are not shown; those of the largest changes are.`));
  };

  draw();
  return box;
}

// ---- errors ----

const errorLine = ({ name, text, error, a, b }) => el('tr', {},
  el('th', { scope: 'row' }, el('span.error', {}, lineText(error || '', 300)), ' ',
    el('span.dim', {}, lineText(`${name || ''} ${text || ''}`, 200))),
  el('td.figure', {}, countText(a)), el('td.figure', {}, countText(b)));

const errorTable = (errors) => errors.length > 0 && el('section', {},
  el('h2', {}, 'Errors'),
  el('div.scroll-sideways.compared-errors', {}, el('table', {},
    el('thead', {}, el('tr', {}, ['Error', 'A', 'B'].map((words, index) =>
      el(index > 0 ? 'th.figure' : 'th', { scope: 'col' }, words)))),
    el('tbody', {}, errors.map(errorLine)))));

export function makeComparison({ diff, messages }) {
  const ids = [String(diff.a.base_id ?? ''), String(diff.b.base_id ?? '')];

  return [
    messages.map((message) => el('p.notice', {}, visibleNodes(message))),
    diff.doubtful && el('p.notice', {},
      'Points of a trace were lost, or make no sense: counts and times may be wrong.'),
    el('div.sides', {}, card('A', diff.a), card('B', diff.b)),
    el('p.difference', {}, sentence(diff), ' ',
      el('a', { href: compareAddress([...ids].reverse()) }, 'Swap A and B')),
    operations(diff),
    errorTable(diff.errors),
  ];
}
