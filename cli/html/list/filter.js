// SPDX-License-Identifier: Apache-2.0
//
// Which traces the list shows. It stands in the address of the page, so that going back
// and forth, and a link, show the same.

import { keepListAddress } from '../marks.js';

export const NOTHING = {
  text: '', service: '', min: '', since: '', until: '', errors: '', order: '', page: '',
};

export const filter = { ...NOTHING };

export function readAddress() {
  const asked = new URLSearchParams(location.search);

  for (const name of Object.keys(filter))
    filter[name] = asked.get(name) || '';
  keepListAddress(location.search);
}

export function filterQuery() {
  const set = Object.entries(filter).filter(([, value]) => value !== '');

  return String(new URLSearchParams(set));
}

// How many pages were turned to get to this one.
export const depth = () => (history.state && history.state.depth) || 0;

// A new page of the list, and each change of the filter, is a step that the browser can go
// back; of a search that is typed only the first letter is.
export function changeFilter(change) {
  const before = filterQuery();
  const typesOn = 'text' in change && filter.text !== '' && Object.keys(change).length === 1;

  Object.assign(filter, { page: '' }, change);
  const query = filterQuery();
  const address = query === '' ? location.pathname : `?${query}`;
  const state = { depth: filter.page !== '' ? depth() + 1 : 0 };

  if (query === before || typesOn)
    history.replaceState(state, '', address);
  else
    history.pushState(state, '', address);
  keepListAddress(location.search);
}

export const isFiltered = () => Object.entries(filter).some(
  ([name, value]) => value !== '' && name !== 'page' && name !== 'order');
