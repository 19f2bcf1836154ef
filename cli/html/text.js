// SPDX-License-Identifier: Apache-2.0
//
// Figures and texts for people.

const UNITS = [[1e9, 's'], [1e6, 'ms'], [1e3, 'µs']];

// Three digits and a unit: "1.23 ms".
export function durationText(ns) {
  if (ns < 0)
    return '';
  for (const [size, unit] of UNITS) {
    if (ns >= size * 0.9995) {
      const value = ns / size;

      return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${unit}`;
    }
  }
  return `${ns} ns`;
}

// A point in time with so many digits that one a step later is another text: "543.12 ms".
export function momentText(ns, step) {
  const [size, unit] = UNITS.find(([least]) => ns >= least) || [1, 'ns'];
  const digits = Math.max(0, Math.ceil(Math.log10(size / step) - 1e-9));

  return `${(ns / size).toFixed(Math.min(digits, 9))} ${unit}`;
}

// "10 ms", "1.5s", "20" (milliseconds) in ns; 0 for an empty text, NaN for nonsense.
export function durationOf(text) {
  const match = /^\s*([0-9]*\.?[0-9]+)\s*(ns|us|[µμ]s|ms|s|m|min)?\s*$/i.exec(text);
  const sizes = { ns: 1, us: 1e3, 'µs': 1e3, 'μs': 1e3, ms: 1e6, s: 1e9, m: 6e10, min: 6e10 };

  return match ? Number(match[1]) * sizes[(match[2] || 'ms').toLowerCase()] : text.trim() === '' ? 0 : NaN;
}

export const countText = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, ',');

// The same for each number in a text: "kept 0 of 500,000".
export const groupDigits = (text) => text.replace(/(?<![\w.])\d{4,}(?![\w.-])/g, countText);

export const pluralText = (count, thing) =>
  `${countText(count)} ${thing}${count === 1 ? '' : 's'}`;

export function shareText(share) {
  const percent = share * 100;

  return percent > 0 && percent < 1 ? '<1 %' : `${Math.round(percent)} %`;
}

// The same of parts, in whole percent that add up to those of their sum: those that rounding down
// takes most from get one back. Less than one percent stays that.
export function shareTexts(shares, sum = shares.reduce((part, share) => part + share, 0)) {
  const percents = shares.map((share) => Math.floor(share * 100 + 1e-9));
  const missing = Math.round(sum * 100) - percents.reduce((part, percent) => part + percent, 0);
  const lost = (index) => shares[index] * 100 - percents[index];

  [...shares.keys()].filter((index) => percents[index] > 0)
    .sort((a, b) => lost(b) - lost(a)).slice(0, Math.max(missing, 0))
    .forEach((index) => { percents[index]++; });
  return percents.map((percent, index) => (percent === 0 && shares[index] > 0 ? '<1 %' : `${percent} %`));
}

// The reports of terminals are ASCII: "12 us" is "12 µs" here.
export const microText = (text) => text.replace(/(\d) us\b/g, '$1 µs');

// Where an operation ran.
export const placeText = (service, host) => (service === '' ? host && `on ${host}`
  : service + (host && `@${host}`));

// Characters that change how others are shown, or are not shown at all.
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]/gu;

export const markOf = (character) =>
  `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`;

export const visibleText = (text) => text.replace(HIDDEN, markOf);

// The pieces of a text: [text, is it the mark of a hidden character?].
export function visiblePieces(text) {
  const pieces = [];
  let at = 0;

  for (const match of text.matchAll(HIDDEN)) {
    if (match.index > at)
      pieces.push([text.slice(at, match.index), false]);
    pieces.push([markOf(match[0]), true]);
    at = match.index + match[0].length;
  }
  if (at < text.length)
    pieces.push([text.slice(at), false]);
  return pieces;
}

// The beginning of a text; no character is cut in two.
export const cutText = (text, length) => text.slice(0, length).replace(/[\ud800-\udbff]$/, '');

// The same in one line.
export function lineText(text, length = 160) {
  const cut = text.length > length ? `${cutText(text, length)}…` : text;

  return visibleText(cut.replace(/\s+/g, ' '));
}

// The time of day of this computer, "09:30:12".
export const clockText = () => new Date().toTimeString().slice(0, 8);
