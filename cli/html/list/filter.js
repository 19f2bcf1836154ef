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

// A new page of the list is a step that the browser can go back, a letter of a search is
// none.
export function changeFilter(change) {
  const turns = 'page' in change;

  Object.assign(filter, { page: '' }, change);
  const query = filterQuery();
  const address = query === '' ? location.pathname : `?${query}`;

  if (turns && filter.page !== '')
    history.pushState({ depth: depth() + 1 }, '', address);
  else
    history.replaceState({ depth: 0 }, '', address);
  keepListAddress(location.search);
}

export const isFiltered = () => Object.entries(filter).some(
  ([name, value]) => value !== '' && name !== 'page' && name !== 'order');
