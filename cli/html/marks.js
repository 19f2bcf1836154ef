// SPDX-License-Identifier: Apache-2.0
//
// What the pages of one visit to `osprofiler web` tell each other: which traces are
// marked to be compared, and what the list showed last.

const MARKED = 'osprofiler-marked';
const LISTED = 'osprofiler-listed';

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

// Half a character has no place in an address.
const escaped = (id) => encodeURIComponent(id.replace(/[\ud800-\udfff]/gu, '\ufffd'));

export const traceAddress = (id) => `trace?id=${escaped(id)}`;
export const compareAddress = ([a, b]) => `compare?a=${escaped(a)}&b=${escaped(b)}`;
