// SPDX-License-Identifier: Apache-2.0
//
// The keyboard, and the help: kinds of operations with their colours, and the keys.

import { trace, KIND } from './trace.js';
import { closeOutside, el } from './dom.js';
import { view, setTab, panTime, showAllTime, clearFilter, isFiltered } from './view.js';
import { listKeys, selectMatch, toggleAll, zoomToSelected, zoomBy } from './waterfall.js';
import { closeDetails, focusResults } from './details.js';
import { leaveBlock } from './flame.js';
import { searchField, toggleErrors, toggleGroups } from './toolbar.js';
import { switchTheme } from './theme.js';
import { goToList } from './served.js';

const HELP = [
  ['↑ ↓', 'the operation above or below'],
  ['← →', 'fold or unfold an operation; to its caller, or into it'],
  ['Page Up, Page Down, Home, End', 'further up and down'],
  ['Enter', 'details of the operation'],
  ['Space', 'fold or unfold the operation'],
  ['Esc', 'from the search to the operations; close details, leave a block, clear the filter, then back to the view one came from'],
  ['/', 'search'],
  ['n, Shift+N', 'next and previous match'],
  ['e', 'only errors'],
  ['g', 'like statements as one line, or each'],
  ['a', 'fold or unfold all, also groups'],
  ['+ − 0', 'zoom in and out, about the selected operation if it is shown; all the time'],
  ['Shift+← Shift+→', 'earlier and later'],
  ['f', 'zoom to the operation; of a plan node to its statement'],
  ['1 2 3', 'waterfall, statements, flame'],
  ['t', 'light or dark'],
  ...(goToList ? [['b', 'back to the list of traces']] : []),
  ['?', 'this list'],
];

const KINDS = [
  [KIND.OTHER, 'of the program'],
  [KIND.CONNECT, 'opening a connection'],
  [KIND.DB, 'db: a statement, from the call of the client to its answer'],
  [KIND.PG, 'pg: the same statement in the server'],
  [KIND.PARSE, 'its analysis'],
  [KIND.PLAN, 'its planning'],
  [KIND.NODE, 'a node of its plan'],
  [KIND.WORKER, 'a parallel worker'],
  [KIND.TRIGGER, 'a trigger'],
  [KIND.FUNCTION, 'a function'],
  [KIND.WAIT, 'a wait for a lock'],
  [KIND.COMMIT, 'a commit'],
  [KIND.SERVER, 'other work of the server'],
  [KIND.SQLITE, 'a statement of SQLite'],
  [KIND.CHECKPOINT, 'a checkpoint of SQLite'],
];

// Words of findings, details and plans that PostgreSQL or this page has of its own.
const WORDS = [
  ['~, judged by the rows', 'nobody measured the time of these plan nodes: the time of their statement is divided by the rows that each worked on'],
  ['osprofiler.points', 'a setting of the server: which points it records. With “node” in it nodes of plans have times of their own'],
  ['osprofiler.node_min_duration', 'a setting of the server: statements that take less have no plan here'],
  ['self time', 'without what ran inside; that of a statement includes nodes of its plan whose time was not measured'],
  ['on the way', "the client's call outside of the server: its library, the socket or the network, and back"],
  ['IPC, LWLock, IO, Lock, …', 'what a process waited for, as in pg_stat_activity: IPC is another process, such as the leader of a parallel plan'],
  ['$exec0, $1', 'in a plan a value that comes from elsewhere: from the other side of a join or from a subquery ($exec0), or of a parameter ($1)'],
];

// The kinds of operations that the trace has, with their colours.
const legend = () => [
  KINDS.filter(([kind]) => trace.kind.includes(kind)).map(([kind, words]) =>
    el('div', {}, el('dt', {}, el(`i.dot.k${kind}`)), el('dd', {}, words))),
  trace.cause.includes(1) && el('div', {}, el('dt', {}, el('i.dot.k7.edge')),
    el('dd', {}, 'at the left edge: part of a finding')),
];

const help = el('dialog.help', { 'aria-label': 'Keys, colours and words', onclick: closeOutside },
  el('form', { method: 'dialog' },
    el('div.section-head', {}, el('h2', {}, 'Operations'),
      el('button.quiet', { type: 'submit', 'aria-label': 'Close' }, '✕')),
    el('dl.help-legend', {}, legend()),
    el('h2', {}, 'Words'),
    el('dl.help-words', {}, WORDS.map(([word, meaning]) =>
      el('div', {}, el('dt', {}, word), el('dd', {}, meaning)))),
    el('h2', {}, 'Keys'),
    el('dl', {}, HELP.map(([keys, words]) =>
      el('div', {}, el('dt', {}, el('kbd', {}, keys)), el('dd', {}, words)))),
    el('p.dim', {}, 'With the mouse: Ctrl and the wheel zoom, Shift and the wheel move in time, ' +
      'dragging in the small picture of the whole trace chooses a part of it, a double click ' +
      'zooms to an operation. Zoomed in, the bars can be dragged to move in time. Back of the ' +
      'browser closes what was opened last.')));

export const showHelp = () => help.showModal();

function escape() {
  if (view.details)
    closeDetails();
  else if (view.tab === 'flame' && leaveBlock())
    return;
  else if (isFiltered())
    clearFilter();
  else if (view.returnTab !== '')
    setTab(view.returnTab);
  else
    return;
  if (document.activeElement === document.body)
    focusResults();
}

const pageKeys = {
  '/': () => searchField.focus(),
  '?': showHelp,
  n: () => selectMatch(1),
  N: () => selectMatch(-1),
  e: toggleErrors,
  g: toggleGroups,
  a: toggleAll,
  f: zoomToSelected,
  t: switchTheme,
  b: goToList,
  '+': () => zoomBy(0.5),
  '=': () => zoomBy(0.5),
  '-': () => zoomBy(2),
  0: showAllTime,
  1: () => setTab('waterfall'),
  2: () => setTab('shapes'),
  3: () => setTab('flame'),
};

// Keys that move in the list, unless something else has the keyboard.
function listKey(event) {
  const { activeElement: active } = document;
  const inList = active === document.body || active.id === 'lines';

  return inList && view.tab === 'waterfall' ? listKeys[event.key] : undefined;
}

function onKey(event) {
  const typing = event.target.closest('input, select, textarea, dialog');

  if (event.ctrlKey || event.metaKey || event.altKey)
    return;
  if (event.key === 'Escape' && !event.target.closest('dialog')) {
    event.preventDefault();
    if (typing) {
      event.target.blur();
      focusResults();
    } else
      escape();
    return;
  }
  if (typing)
    return;
  let action = listKey(event) || pageKeys[event.key];

  if (event.shiftKey && (event.key === 'ArrowLeft' || event.key === 'ArrowRight'))
    action = () => panTime(event.key === 'ArrowLeft' ? -0.2 : 0.2);
  if (!action)
    return;
  event.preventDefault();
  action();
}

export function makeKeys() {
  document.addEventListener('keydown', onKey);
  return help;
}
