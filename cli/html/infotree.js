// SPDX-License-Identifier: Apache-2.0
//
// What a point holds, as a tree of names and values.

import { ExactNumber } from './trace.js';
import { el, addTo, visibleNodes, copyButton } from './dom.js';
import { countText, cutText } from './text.js';

const SHOWN_MAX = 2000;   // characters of a value
const BLOCK_SIZE = 8000;
const ITEMS_MAX = 500;    // members of a list

const escapeText = (text) => JSON.stringify(text).replace(/[\u007f-\uffff]/g,
  (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);

// JSON again.
export function jsonOf(value, indent = '') {
  const deeper = `${indent}  `;

  if (value instanceof Map)
    return value.size === 0 ? '{}' : `{\n${[...value].map(([key, item]) =>
      `${deeper}${escapeText(key)}: ${jsonOf(item, deeper)}`).join(',\n')}\n${indent}}`;
  if (Array.isArray(value))
    return value.length === 0 ? '[]' : `[\n${value.map((item) =>
      deeper + jsonOf(item, deeper)).join(',\n')}\n${indent}]`;
  if (value instanceof ExactNumber)
    return value.text;
  return typeof value === 'string' ? escapeText(value) : String(value);
}

// The whole of a long text, in blocks of which only those are laid out that are seen.
function wholeText(text) {
  const blocks = [];

  for (let at = 0; at < text.length;) {
    const piece = cutText(text.slice(at), BLOCK_SIZE) || text.slice(at, at + 1);

    blocks.push(el('span.text-block', {}, visibleNodes(piece)));
    at += piece.length;
  }
  return blocks;
}

// A text that may be very long: its beginning, and a button for the rest.
export function longText(text, max, nodes = visibleNodes) {
  const box = el('span.long', {}, nodes(cutText(text, max)));

  if (text.length > max)
    box.append('… ', el('button.link', {
      type: 'button',
      onclick: () => box.replaceChildren(...wholeText(text)),
    }, `show all ${countText(text.length)} characters`), ' ', copyButton('copy', () => text));
  return box;
}

function scalar(value) {
  if (value instanceof ExactNumber)
    return el('span.number', {}, value.text);
  if (typeof value === 'string')
    return el('span.string', {}, longText(value, SHOWN_MAX));
  if (typeof value === 'number')
    return el('span.number', {}, String(value));
  return el('span.constant', {}, String(value));
}

const entriesOf = (value) => (value instanceof Map ? [...value] : value.map((item, i) => [i, item]));

function member([key, value]) {
  const name = el('span.key', {}, String(key).slice(0, 200).split(/(?<=_)/)
    .map((part) => [visibleNodes(part), el('wbr')]));

  if (!(value instanceof Map) && !Array.isArray(value))
    return el('li.member', {}, name, el('div.value', {}, scalar(value)));
  const branch = el('details', { open: true }, el('summary', {}, name));

  branch.append(infoTree(value));
  return el('li.branch', {}, branch);
}

export function infoTree(value) {
  const entries = entriesOf(value);
  const tree = el('ul.tree', {}, entries.slice(0, ITEMS_MAX).map(member));

  return entries.length > ITEMS_MAX
    ? addTo(tree, [el('li.dim', {}, `and ${countText(entries.length - ITEMS_MAX)} more`)]) : tree;
}
