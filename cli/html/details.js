// SPDX-License-Identifier: Apache-2.0
//
// All that is known of one operation.

import {
  trace, KIND, STATE, STATE_WORDS, nameOf, textOf, errorOf, serviceOf, hostOf, pointsOf, memberOf,
  string, isUnmeasured,
} from './trace.js';
import { durationText, countText, pluralText, shareText, lineText } from './text.js';
import { el, replaceIn, visibleNodes, copyButton } from './dom.js';
import { sqlNodes } from './sql.js';
import { infoTree, jsonOf, longText } from './infotree.js';
import { statementOfPlan, makePlan } from './plan.js';
import { view, changed, onChange, setFilter, setTab } from './view.js';
import { selectRow, zoomToSelected } from './waterfall.js';

const STATEMENT_KINDS = new Set([KIND.DB, KIND.PG, KIND.PARSE, KIND.PLAN, KIND.SQLITE]);

// Longer statements are shown without colours, and shortened.
const STATEMENT_SHOWN = 8000;

const panel = el('aside.details', { id: 'details', 'aria-label': 'Details', hidden: true });
let shownRow = -1;

const section = (title, buttons, ...content) =>
  el('section', {}, el('div.section-head', {}, el('h3', {}, title), buttons), content);

function factRow(name, ...value) {
  return el('div', {}, el('dt', {}, name), el('dd', {}, value));
}

function callerOf(row) {
  const parent = trace.parent[row];

  if (parent >= 0)
    return el('button.link', { type: 'button', onclick: () => selectRow(parent, { center: true }) },
      lineText(`${nameOf(parent)} ${textOf(parent)}`, 80));
  if (trace.missingParent.has(row))
    return [el('code', {}, visibleNodes(string(trace.missingParent.get(row)))),
      ' (not in this trace)'];
  return 'the trace itself';
}

function factsOf(row) {
  const share = trace.total > 0 ? trace.self[row] / trace.total : 0;
  const duration = trace.duration[row];
  const fold = trace.fold[row] > 0 ? trace.folds[trace.fold[row] - 1] : null;
  const place = [serviceOf(row), hostOf(row)].filter(Boolean).join('@');

  return el('dl.facts-table', {},
    factRow('Took', duration >= 0 ? durationText(duration)
      : isUnmeasured(row) ? 'not measured: only its rows were counted' : 'not known',
      trace.state[row] !== STATE.ENDED && el('span.tag', {}, STATE_WORDS[trace.state[row]])),
    !isUnmeasured(row) && factRow('Itself', durationText(trace.self[row]), el('span.dim', {},
      `${shareText(share)} of the trace`)),
    !isUnmeasured(row) && factRow('Began', `+${durationText(trace.begin[row])}`),
    trace.rows[row] >= 0 && factRow('Rows', countText(trace.rows[row])),
    trace.mark[row] !== 0 && factRow('Note', lineText(string(trace.mark[row]))),
    trace.remark[row] !== 0 && factRow('Unusual', lineText(string(trace.remark[row]))),
    place !== '' && factRow('Where', lineText(place, 120)),
    factRow('Called by', callerOf(row)),
    fold && factRow('One of', `${countText(fold[1])}, together ${durationText(fold[4])}`,
      el('span.dim', {}, `${durationText(fold[5])} – ${durationText(fold[7])}, ` +
        `median ${durationText(fold[6])}`)),
    factRow('Id', el('code', {}, visibleNodes(string(trace.id[row]).slice(0, 200)))));
}

function statementOf(row) {
  const text = textOf(row);
  const isSql = STATEMENT_KINDS.has(trace.kind[row]);
  const cut = string(trace.mark[row]) === 'text cut' ? ' (cut)' : '';

  // A plan names its nodes itself.
  if (text === '' || trace.kind[row] === KIND.NODE)
    return null;
  return section((isSql ? 'Statement' : 'What') + cut,
    copyButton('Copy', () => text),
    el('pre.statement', { tabIndex: 0 },
      longText(text, STATEMENT_SHOWN, isSql ? sqlNodes : visibleNodes)));
}

function errorSection(row) {
  const text = errorOf(row);

  return text === '' ? null : section('Error', copyButton('Copy', () => text),
    el('pre.error-text', {}, longText(text, STATEMENT_SHOWN)));
}

function causeOf(row) {
  const index = trace.cause[row] - 1;

  if (index < 0)
    return null;
  const finding = trace.explained.findings[index];

  return el('div.cause-note', {}, el('b', {}, shareText(finding.share)), ' ',
    visibleNodes(finding.cause), el('p.next', {}, el('b', {}, 'Next'), ' ',
      visibleNodes(finding.next_step)));
}

function planOf(row) {
  const statement = statementOfPlan(row);

  return statement < 0 ? null : section('Plan', null,
    makePlan(statement, row, (node) => selectRow(node, { details: true })));
}

function pointSection({ name, stop, content }) {
  const info = memberOf(content, 'info');
  const rest = new Map([...content].filter(([key]) => key !== 'info'));

  return section(stop ? 'Stop' : 'Start', copyButton('Copy JSON', () => jsonOf(
    new Map([['name', name], ...content]))),
  el('p.dim.point-name', {}, visibleNodes(name.slice(0, 200)), ' ',
    rest.size === 1 && rest.has('timestamp') ? String(rest.get('timestamp')) : null),
  rest.size > 1 && infoTree(rest),
  info instanceof Map ? infoTree(info) : null);
}

function buttonsOf(row) {
  const alike = trace.shapes[trace.shape[row]][3];

  return el('p.details-buttons', {},
    el('button', { type: 'button', onclick: zoomToSelected }, 'Zoom to it'),
    alike > 1 && el('button', {
      type: 'button',
      onclick: () => { setTab('waterfall'); setFilter({ shape: trace.shape[row] }); },
    }, `Show all ${pluralText(alike, 'like it').replace(/s$/, '')}`));
}

// Opens or closes the panel. The page above the lines may become longer by that: the
// lines stay where they are in the window.
function showPanel(open) {
  const lines = document.getElementById('lines');
  const before = lines.getBoundingClientRect().top;

  panel.hidden = !open;
  document.body.classList.toggle('with-details', open);
  window.scrollBy(0, lines.getBoundingClientRect().top - before);
}

function drawDetails() {
  const row = view.selected;
  const open = view.details && row >= 0;

  if (panel.hidden === open)
    showPanel(open);
  if (!open || row === shownRow)
    return;
  shownRow = row;
  replaceIn(panel,
    el('div.details-head', {},
      el('h2', {}, el(`i.dot.k${trace.kind[row]}`), visibleNodes(lineText(nameOf(row), 60)),
        el('span.dim', {}, trace.kinds[trace.kind[row]])),
      el('button.quiet.close', {
        type: 'button', title: 'Close (Esc)', 'aria-label': 'Close the details',
        onclick: closeDetails,
      }, '✕')),
    errorSection(row), causeOf(row), factsOf(row), buttonsOf(row), statementOf(row), planOf(row),
    pointsOf(row).map(pointSection));
  panel.scrollTop = 0;
}

export function closeDetails() {
  view.details = false;
  shownRow = -1;
  changed('selection');
  document.getElementById('lines').focus({ preventScroll: true });
}

export function makeDetails() {
  onChange('selection', drawDetails);
  return panel;
}
