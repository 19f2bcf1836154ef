// SPDX-License-Identifier: Apache-2.0
//
// Making elements. Texts only ever become text nodes.

import { visiblePieces } from './text.js';

// el('button.wide', { onclick, title }, 'text', element, ...)
export function el(name, properties, ...children) {
  const [tag, ...classes] = name.split('.');
  const element = document.createElement(tag);

  if (classes.length > 0)
    element.className = classes.join(' ');
  for (const [key, value] of Object.entries(properties || {})) {
    if (value === undefined || value === null || value === false)
      continue;
    if (key.startsWith('on'))
      element.addEventListener(key.slice(2), value);
    else if (key in element && !key.includes('-') && key !== 'role')
      element[key] = value;
    else
      element.setAttribute(key, value === true ? '' : value);
  }
  addTo(element, children);
  return element;
}

export function addTo(element, children) {
  for (const child of children.flat(Infinity)) {
    if (child !== undefined && child !== null && child !== false && child !== '')
      element.append(child);
  }
  return element;
}

export function replaceIn(element, ...children) {
  element.replaceChildren();
  return addTo(element, children);
}

// A text from outside, with marks for what would be invisible.
export function visibleNodes(text) {
  return visiblePieces(text).map(([piece, hidden]) =>
    hidden ? el('span.hidden-mark', { title: 'an invisible character' }, piece) : piece);
}

export async function copyText(text, button) {
  const before = button.textContent;

  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const area = el('textarea.offscreen', { value: text });

    document.body.append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
  button.textContent = 'Copied';
  setTimeout(() => { button.textContent = before; }, 1200);
}

// For a click on a dialog: one beside it closes it.
export function closeOutside({ currentTarget: dialog, clientX: x, clientY: y, detail }) {
  const { left, right, top, bottom } = dialog.getBoundingClientRect();

  if (detail > 0 && (x < left || x > right || y < top || y > bottom))
    dialog.close();
}

export const copyButton = (label, text) =>
  el('button.quiet', { type: 'button', onclick: (event) => copyText(text(), event.currentTarget) },
    label);

// Calls work once before the next picture, however often it is asked for.
export function oncePerFrame(work) {
  let asked = false;

  return () => {
    if (asked)
      return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      work();
    });
  };
}
