// SPDX-License-Identifier: Apache-2.0
//
// What the person has chosen: the part of the time that is shown, the filter, what is
// folded, what is selected. The parts of the page listen for changes.

import { trace } from './trace.js';

export const NO_FILTER = {
  text: '', errors: false, kind: -1, service: -1, min: 0, shape: -1, cause: -1,
};

export const view = {
  whole: Math.max(trace.total, 1),
  from: 0,
  to: Math.max(trace.total, 1),
  selected: -1,         // a row
  alike: -1,            // the shape whose operations the details are of, or -1: the selected row
  group: -1,            // the fold whose line is selected, or -1: the row itself is
  returnTab: '',        // where Escape leads when nothing else is left to close
  details: false,       // are its details open?
  opened: 0,            // how many times details were asked for
  toPlan: false,        // do they begin with the selected node of the plan?
  flame: [],            // the block that the flame begins with: its shape, behind those of its callers
  cause: -1,            // the finding whose operations are marked
  grouped: true,        // are operations of one shape drawn as one?
  tab: 'waterfall',
  collapsed: new Uint8Array(trace.count),
  openFolds: new Set(),
  filter: { ...NO_FILTER },
};

const listeners = { time: [], rows: [], filter: [], selection: [], tab: [], flame: [] };

export const onChange = (what, listener) => listeners[what].push(listener);

export function changed(...what) {
  for (const name of what)
    for (const listener of listeners[name])
      listener();
}

export const isFiltered = () =>
  Object.keys(NO_FILTER).some((name) => view.filter[name] !== NO_FILTER[name]);

// Is there a filter, and it is that of a finding?
export const isFilteredByCauseOnly = () => view.filter.cause >= 0 &&
  Object.keys(NO_FILTER).every((name) => name === 'cause' || view.filter[name] === NO_FILTER[name]);

export function setFilter(change) {
  Object.assign(view.filter, change);
  changed('rows', 'filter');
}

export const clearFilter = () => setFilter(NO_FILTER);

// toPlan: they are scrolled to the node of the plan that is selected.
export function openDetails(toPlan = false) {
  view.details = true;
  view.toPlan = toPlan;
  view.opened++;
}

export function setTab(tab) {
  view.returnTab = '';
  if (view.tab === tab)
    return;
  view.tab = tab;
  changed('tab');
}

// Shows the waterfall; Escape leads back to the view that was left for it.
export function visitWaterfall() {
  const { tab } = view;

  setTab('waterfall');
  view.returnTab = tab === 'waterfall' ? '' : tab;
}

// ---- the part of the time that is shown ----

const { whole } = view;
const shortest = Math.min(whole, Math.max(whole / 1e7, 100));

export function showTime(from, to) {
  const span = Math.min(Math.max(to - from, shortest), whole);

  from = Math.min(Math.max(from, 0), whole - span);
  if (from === view.from && from + span === view.to)
    return;
  view.from = from;
  view.to = from + span;
  changed('time');
}

export const showAllTime = () => showTime(0, whole);
export const isZoomed = () => view.to - view.from < whole;

// at: the share of the picture that stays where it is.
export function zoomTime(factor, at = 0.5) {
  const span = view.to - view.from;
  const fixed = view.from + span * at;

  showTime(fixed - span * factor * at, fixed + span * factor * (1 - at));
}

export function panTime(share) {
  const by = (view.to - view.from) * share;

  showTime(view.from + by, view.to + by);
}
