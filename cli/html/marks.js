// SPDX-License-Identifier: Apache-2.0
//
// What the pages of one visit to `osprofiler web` tell each other: which traces are
// marked to be compared, what the list showed last, and when it last had traces.

const MARKED = 'osprofiler-marked';
const LISTED = 'osprofiler-listed';
const LAST_SEEN = 'osprofiler-last-seen';

export function markedIds() {
  try {
    const ids = JSON.parse(sessionStorage.getItem(MARKED));

    return Array.isArray(ids) ? ids.filter((id) => typeof id === 'string').slice(-2) : [];
  } catch {
    return [];
  }
}

// Marks a trace, or takes its mark away. Of three marks the first one goes.
export function toggleMark(id) {
  const others = markedIds().filter((other) => other !== id);
  const ids = others.length < markedIds().length ? others : [...others, id].slice(-2);

  sessionStorage.setItem(MARKED, JSON.stringify(ids));
}

export const clearMarks = () => sessionStorage.removeItem(MARKED);

export const keepListAddress = (search) => sessionStorage.setItem(LISTED, search);
export const listAddress = () => `./${sessionStorage.getItem(LISTED) || ''}`;

// The time of day; an empty text: never.
export const keepLastSeen = (time) => sessionStorage.setItem(LAST_SEEN, time);
export const lastSeen = () => sessionStorage.getItem(LAST_SEEN) || '';

// Half a character has no place in an address.
export const escaped = (id) => encodeURIComponent(id.replace(/[\ud800-\udfff]/gu, '\ufffd'));

export const traceAddress = (id) => `trace?id=${escaped(id)}`;
export const compareAddress = ([a, b]) => `compare?a=${escaped(a)}&b=${escaped(b)}`;
