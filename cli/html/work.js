// SPDX-License-Identifier: Apache-2.0
//
// What the server says of the work for a statement: processor, blocks, waits.

import { trace, KIND, pointsOf, memberOf, numberOf, servedRow, string } from './trace.js';
import { durationText, countText, lineText, pluralText } from './text.js';
import { el } from './dom.js';

// A time in ms of a point.
const msText = (ms) => durationText(Math.round(ms * 1e6));

function stopOf(row) {
  const stop = pointsOf(row).findLast((point) => point.stop);

  return (...keys) => numberOf(memberOf(stop?.content, 'info', 'db', ...keys));
}

function processorText(fact) {
  const used = (fact('cpu', 'user_ms') || 0) + (fact('cpu', 'system_ms') || 0);
  const whole = fact('cpu', 'of_ms');

  // The system counts it in steps, so it may be more than the time that passed.
  return whole > 0 && `${msText(Math.min(used, whole))} of ${msText(whole)}`;
}

function blocksText(fact) {
  const count = (...names) => names.reduce((sum, name) => sum + (fact('buffers', name) || 0), 0);
  const read = count('shared_blks_read', 'local_blks_read');
  const hit = count('shared_blks_hit', 'local_blks_hit');
  const parts = [
    [count('shared_blks_written', 'local_blks_written'), 'written'],
    [count('temp_blks_read', 'temp_blks_written'), 'of temporary files read or written'],
  ].filter(([blocks]) => blocks > 0).map(([blocks, words]) => `, ${countText(blocks)} ${words}`);

  return read + hit > 0 && `${pluralText(read, 'block')} read, ${countText(hit)} in memory${parts.join('')}`;
}

function ioText(fact) {
  const parts = [['io_read_ms', 'reading'], ['io_write_ms', 'writing'], ['temp_read_ms', 'reading temporary files'],
    ['temp_write_ms', 'writing temporary files']].filter(([name]) => fact(name) > 0);

  return parts.length > 0 && parts.map(([name, words]) => `${msText(fact(name))} ${words}`).join(', ');
}

const WAIT_KINDS = {
  Activity: 'for something to do', BufferPin: 'for a buffer that another process holds', Client: 'for its client',
  Extension: 'in an extension', InjectionPoint: 'in a test', IO: 'for reading or writing', IPC: 'for another process',
  Lock: 'for a lock', LWLock: 'for a lock within the server', Timeout: 'for a time to pass',
};

// A kind of waits, as PostgreSQL calls it, with what it means.
export const waitKind = (kind) => (Object.hasOwn(WAIT_KINDS, kind)
  ? el('abbr', { title: `waited ${WAIT_KINDS[kind]}` }, kind) : kind);

// How long it waited, by samples.
export const waitedTime = (row) => (trace.waitsOf.get(row) || [])
  .reduce((sum, value, index) => (index % 2 === 1 ? sum + value : sum), 0);

// How long it waited for locks that have operations of their own.
function lockedTime(row) {
  let sum = 0;

  for (let below = row + 1; below < trace.end[row]; below++)
    sum += trace.kind[below] === KIND.WAIT ? Math.max(trace.duration[below], 0) : 0;
  return sum;
}

function sampledText(row) {
  const waits = trace.waitsOf.get(row) || [];
  const parts = [];

  for (let i = 0; i < waits.length; i += 2)
    parts.push([parts.length > 0 && ', ', `${durationText(waits[i + 1])} `,
      waitKind(lineText(string(waits[i]), 40))]);
  return parts.length > 0 && el('span', {}, parts);
}

// Pairs of a name and a text; of a client's call what its server says.
export function workOf(row) {
  const statement = servedRow(row) >= 0 ? servedRow(row) : row;

  if (trace.kind[statement] !== KIND.PG && trace.kind[statement] !== KIND.WORKER)
    return [];
  const fact = stopOf(statement);
  const locked = lockedTime(statement);

  return [
    ['CPU', processorText(fact)],
    ['Blocks', blocksText(fact)],
    ['Disk', ioText(fact)],
    ['Locks', locked > 0 && `waited ${durationText(locked)}`],
    ['Waits', sampledText(statement), 'by samples'],
  ].filter(([, text]) => text);
}
