// SPDX-License-Identifier: Apache-2.0
//
// The time axis and the minimap: the whole trace in a strip, and which part of it
// is shown.

import { trace, KIND, endOf } from './trace.js';
import { momentText } from './text.js';
import { el, replaceIn, oncePerFrame } from './dom.js';
import { view, onChange, showTime, showAllTime, zoomTime, panTime, isZoomed } from './view.js';

export const LETTER_WIDTH = 6.2;   // of small text, on average, in pixels

// ---- the axis ----

// The steps between two marks: 1, 2 or 5 times a power of ten.
function stepFor(span, marks) {
  const rough = span / marks;
  const power = 10 ** Math.floor(Math.log10(rough));

  return [1, 2, 5, 10].map((n) => n * power).find((step) => step >= rough) || power * 10;
}

export const axis = el('div.axis', { 'aria-hidden': 'true' });

function drawAxis() {
  const span = view.to - view.from;
  const step = stepFor(span, Math.max(2, axis.clientWidth / 110));
  const marks = [];

  for (let n = Math.ceil(view.from / step); n * step <= view.to; n++) {
    const text = n === 0 ? '0' : momentText(n * step, step);
    const place = (n * step - view.from) / span;
    const mark = el('span', {}, text);

    mark.style.left = `${place * 100}%`;
    // Where its text would be cut, it stands before the mark, if there is room.
    const width = text.length * LETTER_WIDTH + 6;

    if ((1 - place) * axis.clientWidth < width)
      mark.className = (step / span) * axis.clientWidth > 2 * width ? 'last' : 'bare';
    marks.push(mark);
  }
  replaceIn(axis, marks);
}

// ---- the minimap ----

const canvas = el('canvas');
const windowBox = el('div.minimap-window', {}, el('i.left'), el('i.right'));

export const minimap = el('div.minimap', {
  role: 'group', 'aria-label': 'The whole trace; drag to zoom', title: 'Drag to zoom',
}, canvas, windowBox);

// The colour that a class gives to a dot: a canvas takes no variables.
function dotColor(name) {
  const dot = windowBox.appendChild(el(`i.dot.${name}`));
  const { backgroundColor } = getComputedStyle(dot);

  dot.remove();
  return backgroundColor;
}

const BAR_LEAST = 0.75;      // pixels
const WINDOW_LEAST = 6;
const LEVELS_DRAWN = 12;
const SHORTEST = 0.5;   // pixels: bars of a level that begin nearer to each other are one

const placeOf = (ns, places) =>
  Math.max(0, Math.min(Math.floor((ns / view.whole) * places), places - 1));

// For each level and each place in it the row that begins there and lasts longest, or -1: there
// are never more bars than places, whatever the trace looks like. A node of a plan has no
// place in time.
function longestBars(levels, places) {
  const bars = new Int32Array(levels * places).fill(-1);

  for (let row = 0; row < trace.count; row++) {
    const level = Math.min(trace.depth[row], levels - 1);
    const place = placeOf(trace.begin[row], places);
    const known = bars[level * places + place];

    if (trace.kind[row] !== KIND.NODE && (known < 0 || endOf(row) > endOf(known)))
      bars[level * places + place] = row;
  }
  return bars;
}

// For each place: did an operation fail there?
function errorPlaces(places) {
  const failed = new Uint8Array(places);

  for (let row = 0; row < trace.count; row++)
    if (trace.error[row] !== 0)
      failed[placeOf(endOf(row), places)] = 1;
  return failed;
}

function drawMinimap() {
  const width = minimap.clientWidth;
  const height = minimap.clientHeight;
  const scale = window.devicePixelRatio || 1;
  const context = canvas.getContext('2d');
  const levels = Math.min(LEVELS_DRAWN, trace.depth.reduce((most, depth) => Math.max(most, depth), 0) + 1);
  const thick = Math.max(1.5, (height - 4) / levels);

  if (width === 0 || trace.count === 0)
    return;
  const places = Math.ceil(width / SHORTEST);
  const colors = trace.kinds.map((_, kind) => dotColor(`k${kind}`));

  canvas.width = width * scale;
  canvas.height = height * scale;
  context.scale(scale, scale);
  longestBars(levels, places).forEach((row, cell) => {
    if (row < 0)
      return;
    const left = (trace.begin[row] / view.whole) * width;
    const right = (endOf(row) / view.whole) * width;

    context.fillStyle = colors[trace.kind[row]];
    context.fillRect(Math.min(left, width - BAR_LEAST), 2 + Math.floor(cell / places) * thick,
      Math.max(right - left, BAR_LEAST), Math.max(thick - 0.5, 1));
  });
  context.fillStyle = dotColor('of-error');
  errorPlaces(places).forEach((failed, place) => {
    if (failed)
      context.fillRect((place / places) * width - 1, height - 4, 2.5, 4);
  });
}

function drawWindow() {
  windowBox.style.left = `${(view.from / view.whole) * 100}%`;
  windowBox.style.right = `${(1 - view.to / view.whole) * 100}%`;

  // A narrow one at the end of the trace has its width to the left.
  const over = (view.from / view.whole) * minimap.clientWidth + WINDOW_LEAST - minimap.clientWidth;

  windowBox.style.minWidth = `${WINDOW_LEAST}px`;
  windowBox.style.marginLeft = `${Math.min(-over, 0)}px`;
  minimap.classList.toggle('zoomed', isZoomed());
}

// ---- dragging ----

const shareAt = (element, event) => {
  const box = element.getBoundingClientRect();

  return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
};

// Follows a pointer until it is lifted; move gets the event.
export function followPointer(element, event, move, end) {
  element.setPointerCapture(event.pointerId);
  const stop = () => {
    element.removeEventListener('pointermove', move);
    element.removeEventListener('pointerup', stop);
    element.removeEventListener('pointercancel', stop);
    if (end)
      end();
  };

  element.addEventListener('pointermove', move);
  element.addEventListener('pointerup', stop);
  element.addEventListener('pointercancel', stop);
}

function startDrag(event) {
  if (event.button !== 0)
    return;
  event.preventDefault();
  const first = shareAt(minimap, event) * view.whole;
  const { from, to } = view;
  const near = (ns) => Math.abs(first - ns) < (8 / minimap.clientWidth) * view.whole;
  const now = (moved) => shareAt(minimap, moved) * view.whole;

  if (isZoomed() && near(from))
    followPointer(minimap, event, (moved) => showTime(Math.min(now(moved), to), to));
  else if (isZoomed() && near(to))
    followPointer(minimap, event, (moved) => showTime(from, Math.max(now(moved), from)));
  else if (isZoomed() && first > from && first < to)
    followPointer(minimap, event, (moved) => {
      const by = now(moved) - first;

      showTime(from + by, to + by);
    });
  else
    followPointer(minimap, event, (moved) => {
      const other = now(moved);

      if (Math.abs(other - first) > (4 / minimap.clientWidth) * view.whole)
        showTime(Math.min(first, other), Math.max(first, other));
    });
}

// Zooms with Ctrl or the pinch of a touch pad, pans sideways.
export function zoomByWheel(element, event) {
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    zoomTime(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 120), shareAt(element, event));
  } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
    event.preventDefault();
    panTime((event.deltaX || event.deltaY) / element.clientWidth);
  }
}

export function makeTimeline() {
  const redraw = oncePerFrame(() => { drawAxis(); drawWindow(); });
  const drawAll = () => { drawMinimap(); drawAxis(); drawWindow(); };
  const redrawAll = oncePerFrame(drawAll);

  minimap.addEventListener('pointerdown', startDrag);
  minimap.addEventListener('dblclick', showAllTime);
  minimap.addEventListener('wheel', (event) => {
    event.preventDefault();
    zoomTime(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 120), shareAt(minimap, event));
  }, { passive: false });
  onChange('time', redraw);
  new ResizeObserver(redrawAll).observe(minimap);
  return drawAll;
}
