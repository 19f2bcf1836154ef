// SPDX-License-Identifier: Apache-2.0
//
// All that is known of one operation.

import {
  trace, KIND, STATE, STATE_WORDS, nameOf, textOf, errorOf, serviceOf, hostOf, idOf, pointsOf, memberOf,
  string, isUnmeasured, servedRow, findingsOf,
} from './trace.js';
import { lines } from './lines.js';
import { groupOf, sumsOfRows } from './groups.js';
import { durationText, countText, pluralText, shareText, lineText, groupDigits, microText, placeText } from './text.js';
import { el, replaceIn, visibleNodes, copyButton } from './dom.js';
import { sqlNodes } from './sql.js';
import { infoTree, jsonOf, longText } from './infotree.js';
import { statementOfPlan, firstNode, makePlan, explainText, neverRan } from './plan.js';
import { view, changed, onChange, setFilter, visitWaterfall } from './view.js';
import { selectRow, showTool, zoomToSelected, hasOwnTime } from './waterfall.js';
import { workOf } from './work.js';
import { shareOfFinding } from './causes.js';
import { makeHandle } from './panelwidth.js';

const STATEMENT_KINDS = new Set([KIND.DB, KIND.PG, KIND.PARSE, KIND.PLAN, KIND.SQLITE]);

// Longer statements are shown without colours, and shortened.
const STATEMENT_SHOWN = 8000;

// Longer ids are shortened.
const ID_SHOWN = 200;

// Members of a group whose findings are looked up.
const GROUP_SEARCHED = 200;

const content = el('div.details-content');
const panel = el('aside.details', { id: 'details', 'aria-label': 'Details', hidden: true },
  makeHandle(), content);
let shownKey = '';

const section = (title, buttons, ...content) =>
  el('section', {}, el('div.section-head', {}, el('h3', {}, title), buttons), content);

function factRow(name, ...value) {
  return el('div', {}, el('dt', {}, name), el('dd', {}, value));
}

const rowLink = (row) => el('button.link', {
  type: 'button', onclick: () => selectRow(row, { center: true, details: true }),
}, lineText(`${nameOf(row)} ${textOf(row)}`, 80));

// The server's statement under a client's call.
function servedFact(row) {
  const served = servedRow(row);

  return served < 0 ? null : factRow('In the server', rowLink(served),
    el('span.dim', {}, durationText(trace.duration[served])));
}

function callerOf(row) {
  const parent = trace.parent[row];

  if (parent >= 0)
    return rowLink(parent);
  if (trace.missingParent.has(row))
    return [el('code', {}, longText(string(trace.missingParent.get(row)), ID_SHOWN)),
      ' (not in this trace)'];
  return 'nothing in this trace';
}

const workFacts = (row) => workOf(row).map(([name, text, how]) =>
  factRow(name, text, how && el('span.dim', {}, how)));

// How much of a statement's own time its plan's nodes have; where nobody measured that, it is said.
function nodesNote(row) {
  const inNodes = trace.self[row] - trace.own[row];
  const plan = trace.kind[row] === KIND.NODE ? -1 : statementOfPlan(row);

  return inNodes > 0 && trace.kind[row] !== KIND.NODE ? `${durationText(inNodes)} of it in its plan's nodes`
    : plan === row && isUnmeasured(firstNode(plan)) && "with its plan's nodes, whose time was not measured";
}

function selfFact(row) {
  if (trace.kind[row] === KIND.WORKER)
    return factRow('Self time', el('span.dim', {}, "none: it ran beside its statement's process, whose time that is"));
  if (isUnmeasured(row))
    return null;
  const note = nodesNote(row);

  return factRow('Self time', durationText(trace.self[row]), el('span.dim', {},
    `${shareText(trace.total > 0 ? trace.self[row] / trace.total : 0)} of the trace`), note && el('span.dim', {}, note));
}

function factsOf(row) {
  const duration = trace.duration[row];
  const fold = trace.fold[row] > 0 ? trace.folds[trace.fold[row] - 1] : null;
  const place = placeText(serviceOf(row), hostOf(row));

  return el('dl.facts-table', {},
    factRow('Took', duration >= 0 ? durationText(duration)
      : !isUnmeasured(row) ? 'not known'
        : neverRan(row) ? 'never executed' : 'not measured: only its rows were counted',
      trace.state[row] !== STATE.ENDED && el('span.tag', {}, STATE_WORDS[trace.state[row]])),
    selfFact(row),
    servedFact(row),
    !isUnmeasured(row) && trace.kind[row] !== KIND.NODE && factRow('Began', `+${durationText(trace.begin[row])}`),
    trace.rows[row] >= 0 && factRow('Rows', countText(trace.rows[row])),
    workFacts(row),
    trace.mark[row] !== 0 && factRow('Note', lineText(string(trace.mark[row]))),
    trace.remark[row] !== 0 && factRow('Remark', groupDigits(lineText(string(trace.remark[row])))),
    place !== '' && factRow('Where', lineText(place, 120)),
    factRow('Called by', callerOf(row)),
    fold && factRow('One of', `${countText(fold[1])}, together ${durationText(fold[4])}`,
      el('span.dim', {}, `${durationText(fold[5])} – ${durationText(fold[7])}, ` +
        `median ${durationText(fold[6])}`)),
    factRow('Id', el('code', {}, longText(idOf(row), ID_SHOWN))));
}

// Of a node, the statement whose plan it is part of: the plan names the node itself.
function statementOf(selected) {
  const row = trace.kind[selected] === KIND.NODE ? statementOfPlan(selected) : selected;
  const text = row < 0 ? '' : textOf(row);
  const isSql = STATEMENT_KINDS.has(trace.kind[row]);

  if (text === '')
    return null;
  return section((isSql ? 'Statement' : 'Text') + (string(trace.mark[row]) === 'text cut' ? ' (cut)' : ''),
    copyButton('Copy', () => text),
    el('pre.statement', { tabIndex: 0 },
      longText(text, STATEMENT_SHOWN, isSql ? sqlNodes : visibleNodes)));
}

function errorSection(row) {
  const text = errorOf(row);

  return text === '' ? null : section('Error', copyButton('Copy', () => text),
    el('pre.error-text', {}, longText(text, STATEMENT_SHOWN)));
}

function findingNote(finding) {
  return el('div.cause-note', {}, el('b', {}, `${shareOfFinding(finding)} of the trace:`), ' ',
    visibleNodes(microText(finding.cause)), el('p.next', {}, el('b', {}, 'Next'), ' ',
      visibleNodes(finding.next_step)));
}

// One statement has two operations.
const SIDES = { [KIND.DB]: ' of the client', [KIND.PG]: ' in the server' };

const HAS_PLAN = /^\s*(select|insert|update|delete|merge|with|values|table)\b/i;

function lackOfPlan(row) {
  const statement = servedRow(row) >= 0 ? servedRow(row) : row;

  return trace.kind[statement] === KIND.PG && HAS_PLAN.test(textOf(statement)) && el('p.dim.no-plan', {},
    'No plan was recorded: only statements over ', el('abbr', {
      title: 'A setting of the server: statements that take less have no plan',
    }, 'osprofiler.node_min_duration'), ' have one.');
}

function planOf(row) {
  const statement = statementOfPlan(row);
  const title = trace.kind[row] === KIND.DB ? 'Plan in the server' : 'Plan';

  return statement < 0 ? lackOfPlan(row) : section(title, copyButton('Copy as text', () => explainText(statement)),
    makePlan(statement, row, (node) => selectRow(node, { details: true })));
}

function pointSection(row, { name, stop, content }) {
  const info = memberOf(content, 'info');
  const rest = new Map([...content].filter(([key]) => key !== 'info'));

  return section(stop ? 'Stop' : 'Start', copyButton('Copy JSON', () => jsonOf(
    new Map([['name', name], ...content]))),
  el('p.dim.point-name', {}, visibleNodes(name.slice(0, 200)), ' ',
    rest.size === 1 && rest.has('timestamp') ? String(rest.get('timestamp')) : null),
  rest.size > 1 && infoTree(rest),
  info instanceof Map ? infoTree(info) : null,
  stop && isUnmeasured(row) && el('p.dim', {}, 'elapsed_ns is no time of the node: it was not measured.'));
}

function buttonsOf(row) {
  const alike = trace.shapes[trace.shape[row]][3];

  return el('p.details-buttons', {},
    view.tab === 'waterfall'
      ? el('button', { type: 'button', onclick: zoomToSelected },
        hasOwnTime(row) ? 'Zoom to it' : 'Zoom to its statement')
      : el('button', { type: 'button', onclick: () => showInWaterfall(row) }, 'Show in the waterfall'),
    alike > 1 && el('button', {
      type: 'button',
      onclick: () => { visitWaterfall(); setFilter({ shape: trace.shape[row] }); showTool(); },
    }, `Show all ${countText(alike)} like it`));
}

function showInWaterfall(row) {
  visitWaterfall();
  selectRow(row, { center: true, details: true });
}

// ---- a group ----

function findingsOfGroup(members) {
  return trace.explained.findings.filter((finding) =>
    members.some((row) => findingsOf(row).includes(finding)));
}

function rowsOfShape(shape) {
  const rows = [];

  for (let row = 0; row < trace.count; row++)
    if (trace.shape[row] === shape && (lines.isMatch === null || lines.isMatch[row]))
      rows.push(row);
  return rows;
}

// How long the server worked on all of them.
function servedSum(members) {
  const times = members.map(servedRow).filter((row) => row >= 0).map((row) => Math.max(trace.duration[row], 0));

  return times.length > 0 && factRow('In the server', durationText(times.reduce((sum, ns) => sum + ns, 0)),
    el('span.dim', {}, 'of the total; the rest is on the way'));
}

function drawGroup({ rows: members, count, begin, end, total, median }) {
  const slowest = members.reduce((most, row) =>
    (trace.duration[row] > trace.duration[most] ? row : most));
  const text = textOf(slowest);

  replaceIn(content,
    panelHead(slowest, `${countText(count)} × `),
    findingsOfGroup(members.slice(0, GROUP_SEARCHED)).map(findingNote),
    el('dl.facts-table', {},
      factRow('Count', countText(count)),
      !isUnmeasured(slowest) && [
        factRow('Total', durationText(total), el('span.dim', {}, 'the sum of their durations')),
        factRow('Spans', durationText(end - begin),
          el('span.dim', {}, 'from the beginning of the first to the end of the last, with pauses')),
        factRow('Median', durationText(median)),
        factRow('Slowest', el('button.link', {
          type: 'button', onclick: () => selectRow(slowest, { center: true, details: true }),
        }, durationText(trace.duration[slowest])), el('span.dim', {}, lineText(textOf(slowest), 80))),
      ],
      servedSum(members)),
    buttonsOf(slowest),
    text !== '' && section('Statement of the slowest', copyButton('Copy', () => text),
      el('pre.statement', { tabIndex: 0 }, longText(text, STATEMENT_SHOWN, sqlNodes))),
    planOf(slowest));
}

// A filter may have left one of them, or none.
const drawMembers = (sums, row) => (sums.count > 1 ? drawGroup(sums) : drawRow(sums.rows[0] ?? row));

// ---- the panel ----

// Opens or closes the panel. What is above the lines, or above the rows of the table, may become
// longer by that: they stay where they are in the window.
function showPanel(open) {
  const kept = document.querySelector(view.tab === 'shapes' ? '.shapes tbody' : 'main');
  const before = kept.getBoundingClientRect().top;

  panel.hidden = !open;
  document.body.classList.toggle('with-details', open);
  window.scrollBy(0, kept.getBoundingClientRect().top - before);
}

function panelHead(row, before = '') {
  return el('div.details-head', {},
    el('h2', {}, el(`i.dot.k${trace.kind[row]}`), before, visibleNodes(lineText(nameOf(row), 60)),
      el('span.dim', {}, trace.kinds[trace.kind[row]] + (SIDES[trace.kind[row]] || ''))),
    el('button.quiet.close', {
      type: 'button', title: 'Close (Esc)', 'aria-label': 'Close the details',
      onclick: closeDetails,
    }, '✕'));
}

function drawRow(row) {
  replaceIn(content,
    panelHead(row),
    errorSection(row), findingsOf(row).map(findingNote), factsOf(row), buttonsOf(row),
    statementOf(row), planOf(row), pointsOf(row).map((point) => pointSection(row, point)));
}

// Has the filter removed all of what the details are of?
function isFilteredOut(row) {
  if (lines.needed === null || row < 0)
    return false;
  return view.group >= 0 ? lines.shown[view.group] === 0
    : view.alike >= 0 ? rowsOfShape(view.alike).length === 0 : lines.needed[row] === 0;
}

function drawDetails() {
  const row = view.selected;

  if (isFilteredOut(row))
    view.details = false;
  const open = view.details && row >= 0;
  const key = `${row} ${view.group} ${view.alike} ${view.tab} ` +
    `${view.group >= 0 ? lines.shown[view.group] : view.alike >= 0 ? rowsOfShape(view.alike).length : ''}`;

  if (panel.hidden === open)
    showPanel(open);
  if (open && key !== shownKey)
    drawContent(key, row);
  if (open && view.toPlan)
    scrollToPlan();
}

// Scrolls to the node of the plan that is selected.
function scrollToPlan() {
  const node = content.querySelector('.plan-node.selected');

  view.toPlan = false;
  if (node)
    panel.scrollTop += node.getBoundingClientRect().top - panel.getBoundingClientRect().top -
      panel.clientHeight / 3;
}

function drawContent(key, row) {
  const focused = content.contains(document.activeElement);

  shownKey = key;
  if (view.group >= 0)
    drawMembers(groupOf(view.group), row);
  else if (view.alike >= 0)
    drawMembers(sumsOfRows(rowsOfShape(view.alike)), row);
  else
    drawRow(row);
  if (focused)
    content.querySelector('.close').focus();
  panel.scrollTop = 0;
}

// What the arrow keys move in: the lines, the table, or the flame.
export const focusResults = () =>
  document.querySelector(`#view-${view.tab} [tabindex="0"]`)?.focus({ preventScroll: true });

export function closeDetails() {
  view.details = false;
  shownKey = '';
  changed('selection');
  focusResults();
}

export function makeDetails() {
  onChange('selection', drawDetails);
  onChange('tab', drawDetails);
  onChange('rows', drawDetails);
  return panel;
}
