// SPDX-License-Identifier: Apache-2.0
//
// The head of the page: which trace this is, what is in it, what is wrong with it,
// and how its time divides.

import { trace, KIND, STATE, nameOf, textOf, serviceOf, hostOf, isUnmeasured } from './trace.js';
import { durationText, countText, pluralText, shareText, lineText, placeText } from './text.js';
import { el, visibleNodes } from './dom.js';
import { view, setFilter, setTab, NO_FILTER } from './view.js';
import { showTool, selectMatch } from './waterfall.js';
import { servedLinks, servedMessages } from './served.js';

// What a trace is called: its root and the text of it. Of several roots, the longest
// one, behind the service that ran them. To connect is not counted among statements.
function nameOfTrace() {
  const all = [];

  for (let row = 0; row < trace.count; row = trace.end[row])
    all.push(row);
  if (all.length < 2)
    return [nameOf(0), textOf(0)];
  const statements = all.filter((row) => trace.kind[row] !== KIND.CONNECT);
  const roots = statements.length > 0 ? statements : all;
  const longest = roots.reduce((most, row) =>
    (trace.duration[row] > trace.duration[most] ? row : most));

  return [serviceOf(longest) && `${serviceOf(longest)}:`, lineText(textOf(longest) || nameOf(longest), 120) +
    (roots.length > 1 ? ` and ${countText(roots.length - 1)} more` : '')];
}

export const titleOfTrace = () => (trace.count === 0 ? 'Empty trace'
  : lineText(nameOfTrace().join(' ').trim(), 160));

const place = () => (trace.count > 0 ? lineText(placeText(serviceOf(0), hostOf(0)), 80) : '');

const fact = (name, text, title) => el(`span.fact.${name}`, { title }, text);

// Shows the operations that failed, and the details of the first one.
function showFailed() {
  setTab('waterfall');
  setFilter({ ...NO_FILTER, errors: true });
  view.selected = -1;
  selectMatch(1, { details: true });
  showTool();
}

const failedFact = () => trace.failed > 0 && el('button.fact.failed', {
  type: 'button', title: 'ended with an error: show them', onclick: showFailed,
}, `${countText(trace.failed)} failed`);

// As the head of a tree says it.
const repeatedText = () => `${pluralText(trace.repeated, 'point')} with the ` +
  `${trace.repeated === 1 ? 'id of another' : 'ids of others'}, not shown`;

function facts() {
  const { states } = trace;
  const counts = [
    [states[STATE.RUNNING], 'running', 'running', 'their processes are still at work'],
    [states[STATE.UNFINISHED], 'unfinished', 'unfinished',
      'they run, or were interrupted: nobody knows'],
    [states[STATE.INTERRUPTED], 'interrupted', 'interrupted', 'did not come to their end'],
    [states[STATE.END_LOST], 'lost', 'without end', 'their stop points were lost'],
    [states[STATE.START_LOST], 'lost', 'without start', 'their start points were lost'],
  ];

  return [
    fact('count', pluralText(trace.count, 'operation')),
    failedFact(),
    ...counts.filter(([count]) => count > 0).map(
      ([count, name, words, title]) => fact(name, `${countText(count)} ${words}`, title)),
    trace.lost > 0 && fact('lost', `${pluralText(trace.lost, 'point')} lost`,
      'start and stop points that did not get here'),
    trace.malformed > 0 && fact('lost', pluralText(trace.malformed, 'malformed point')),
    trace.repeated > 0 && fact('lost', repeatedText(), 'of each operation the last ones count'),
  ];
}

function startText() {
  const [day, time] = trace.started.split('T');

  return time ? `${day} ${time.slice(0, 12)} UTC` : '';
}

function notices() {
  const texts = [];

  if (trace.missing !== null)
    texts.push(`The server's operations are missing: ${lineText(trace.missing, 80)} was sent ` +
      'the context of this trace, and recorded nothing that arrived here (with ' +
      'osprofiler.min_duration it leaves out short statements).');
  if (trace.lost > 0)
    texts.push(`${pluralText(trace.lost, 'point')} of the trace ` +
      `${trace.lost === 1 ? 'was' : 'were'} lost, so shares and counts may be wrong.`);
  if (trace.repeated > 0)
    texts.push(`${pluralText(trace.repeated, 'point')} ${trace.repeated === 1 ? 'has the id' : 'have the ids'} ` +
      "of other points: of each operation the last ones count; see 'osprofiler trace check'.");
  return [...texts, ...servedMessages].map((text) => el('p.notice', {}, visibleNodes(text)));
}

// What the bar of a plan's node means in the waterfall.
const insideLegend = () => el('p.legend-inside', {}, el(`i.k${KIND.NODE}`),
  'A plan node, inside the bar of its statement: full colour is its own work, pale that of ' +
  'the nodes below it. Nodes run in turns, so this is how much, not when.');

function showKind(kind) {
  setTab('waterfall');
  setFilter({ kind });
  showTool();
}

const PART_TITLES = {
  [KIND.TRACE]: 'time in which no operation ran: pauses, or work of the client',
  [KIND.DB]: "the client's calls outside of the server: its library, the socket or the network, and back",
};

// A part of the time; a click shows its operations. Between operations there are none.
function legendPart({ ns, kind, share, name }) {
  const content = [el(`i.dot.k${kind}`), el('span', {}, name), el('b', {}, durationText(ns)), el('span.dim', {}, shareText(share))];

  return kind === KIND.TRACE ? el('span.time-part', { title: PART_TITLES[kind] }, content)
    : el('button.time-part', {
      type: 'button', title: [PART_TITLES[kind], `Show only: ${trace.kinds[kind]}`].filter(Boolean).join('\n'),
      onclick: () => showKind(kind),
    }, content);
}

// How the time divides among the kinds of operations, the largest part first.
function timeParts() {
  const sum = trace.time.reduce((total, ns) => total + ns, 0);
  const parts = trace.time
    .map((ns, kind) => ({ ns, kind, share: ns / sum, name: trace.time_names[kind] }))
    .filter((part) => part.ns > 0 && part.share >= 0.001)
    .sort((a, b) => b.ns - a.ns);
  const bar = el('div.time-bar', { 'aria-hidden': 'true' }, parts.map((part) => {
    const piece = el(`span.k${part.kind}`, { title: `${part.name} ${durationText(part.ns)}` });

    piece.style.flexGrow = String(part.share);
    return piece;
  }));
  const legend = el('ul.time-legend', {}, parts.map((part) => el('li', {}, legendPart(part))));

  return sum > 0 ? el('section.time', { 'aria-label': 'How the time divides' }, bar, legend,
    trace.kind.some((kind, row) => kind === KIND.NODE && !isUnmeasured(row)) && insideLegend()) : null;
}

export function makeHead(buttons) {
  const idText = String(trace.base_id ?? '');
  const [name, text] = trace.count > 0 ? nameOfTrace() : ['', ''];

  document.title = `${titleOfTrace()} · ${durationText(trace.total)} · OSProfiler`;
  return el('header.head', {},
    servedLinks(),
    el('div.head-line', {},
      el('div.head-title', {},
        el('h1', {}, trace.count > 0
          ? [name !== '' && el('span', {}, visibleNodes(lineText(name, 60))), ' ',
            el('span.what', {}, lineText(text, 160))]
          : 'Empty trace'),
        el('p.meta', {}, [place(), startText(), `Trace ${lineText(idText, 60)}`]
          .filter(Boolean).map((text) => el('span', {}, text)))),
      el('div.head-total', {}, trace.count > 0 && el('b', {}, durationText(trace.total))),
      el('div.head-buttons', {}, buttons)),
    el('p.facts', {}, facts()),
    notices(),
    timeParts());
}
