// SPDX-License-Identifier: Apache-2.0
//
// make_traces.mjs NAME FILE
//     Writes one of the traces that the tests of the page look at: a notification on
//     each line. The same name always gives the same trace.

import { createWriteStream } from 'node:fs';
import { pathToFileURL } from 'node:url';

const BASE = '5b3c1e00-1111-4222-8333-444455556666';
const BEGIN_US = Date.UTC(2026, 10, 28, 9, 30, 12) * 1000;

class Trace {
  constructor() {
    this.lines = [];
    this.ids = 0;
    this.seed = 42;
    this.service = 'shop';
    this.base = BASE;
  }

  // A number from 0 to 1 (mulberry32).
  random() {
    this.seed = (this.seed + 0x6d2b79f5) | 0;
    let t = Math.imul(this.seed ^ (this.seed >>> 15), 1 | this.seed);

    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  newId() {
    this.ids++;
    return `00000000-0000-4000-9000-${String(this.ids).padStart(12, '0')}`;
  }

  point(name, id, parent, us, info, service, host) {
    if (!Number.isInteger(us))
      throw new Error(`a point has whole microseconds, not ${us}`);
    const ms = Math.floor(us / 1000);
    const time = new Date(ms).toISOString().slice(0, 23) + String(us - ms * 1000).padStart(3, '0');

    this.lines.push(JSON.stringify({
      name, base_id: this.base, trace_id: id, parent_id: parent, timestamp: time,
      info: { ...info, host: host || 'web1' }, project: null, service: service || this.service,
    }));
  }

  // An operation; begin and length in microseconds. start and stop are what the
  // points hold; stop null: there is none.
  op(name, parent, begin, length, start, stop = {}, place = {}) {
    const id = place.id || this.newId();
    const at = BEGIN_US + begin;

    if (start !== null)
      this.point(`${name}-start`, id, parent, at, start, place.service, place.host);
    if (stop !== null)
      this.point(`${name}-stop`, id, parent, at + length,
        { ...stop, elapsed_ns: length * 1000 }, place.service, place.host);
    return id;
  }
}

const SERVER = { service: 'database', host: 'db1' };

const statement = (text, more = {}) => ({ db: { statement: text, system: 'postgresql', ...more } });

// A client's call and the server's statement in it.
function query(trace, parent, begin, length, text, rows, stop = {}) {
  const db = trace.op('db', parent, begin, length, statement(text, { server: 'db1:5432' }),
    { db: { rows } });

  return trace.op('pg', db, begin + 60, length - 120,
    statement(text, { pid: 4711, user: 'shop', queryid: '-6423423423423423421' }),
    { db: { command: text.split(' ')[0], rows, active_ms: (length - 120) / 1000,
      buffers: { shared_blks_hit: rows * 3 + 4 } }, ...stop }, SERVER);
}

function few(trace) {
  const root = trace.op('wsgi', BASE, 0, 12300,
    { request: { method: 'GET', path: '/orders', query: 'page=2' } }, { etype: undefined });

  query(trace, root, 1200, 7400, 'SELECT id, total FROM orders WHERE customer = 7 ORDER BY id DESC', 25);
  trace.op('render', root, 8800, 3300, { name: 'orders.html' });
}

function plan(trace, parent, begin) {
  const node = (up, id, name, type, at, length, expected, rows, loops, more = {}, ended = {}) =>
    trace.op('pg.node', up, begin + at, length,
      { db: { node: { id, name, type, plan_rows: expected, plan_width: 8, ...more } } },
      { db: { node: { loops, rows, total_ms: length / 1000, ...ended } } }, SERVER);
  const sort = node(parent, 0, 'Sort', 'Sort', 200, 618000, 40, 12840, 1,
    { sort_key: 'o.created DESC' }, { sort_space_type: 'Memory', sort_space_kb: 1801 });
  const join = node(sort, 1, 'Nested Loop', 'Nested Loop', 210, 604000, 40, 12840, 1);

  node(join, 2, 'Seq Scan on orders o', 'Seq Scan', 220, 391000, 40, 12840, 1,
    { relation: 'orders', alias: 'o', filter: '(o.status = ?) AND (o.region = ?)' },
    { rows_removed_by_filter: 1987160 });
  node(join, 3, 'Index Scan using customer_pkey on customer c', 'Index Scan', 260, 189000, 1, 12840,
    12840, { relation: 'customer', index: 'customer_pkey', index_cond: '(c.id = o.customer)' });
}

// A plan of which only the rows were counted, and a statement that nothing explains.
function counted(trace) {
  const first = trace.op('pg', BASE, 0, 2000000, statement('SELECT a FROM t WHERE b = 1'), {}, SERVER);
  const node = (name, at, length, ended) => trace.op('pg.node', first, at, length,
    { db: { node: { name, plan_rows: 1 } } }, { db: { node: { loops: 1, ...ended } } }, SERVER);

  node('Gather', 1, 1, { rows: 0, workers_planned: 2, workers_launched: 1, buffers: { shared_blks_hit: 1200 } });
  node('Seq Scan on t', 2, 0, { rows: 0, rows_removed_by_filter: 500000 });
  node('Index Scan on u', 2, 0, { loops: undefined, never_executed: true });
  trace.op('pg', BASE, 2000000, 5000000, statement('SELECT busy()'), {}, SERVER);
}

// A plan with all of its workers, in which three processes ran a node.
function parallel(trace) {
  const op = trace.op('pg', BASE, 0, 90000, statement('SELECT a FROM t WHERE b = 1'), {}, SERVER);

  trace.op('pg.node', op, 100, 89000, { db: { node: { id: 0, name: 'Gather', plan_rows: 1, workers_planned: 2 } } },
    { db: { node: { rows: 3, loops: 1, total_ms: 89, workers_launched: 2 } } }, { ...SERVER, id: 'gather' });
  trace.op('pg.node', 'gather', 200, 88000,
    { db: { node: { id: 1, name: 'Parallel Seq Scan on t', plan_rows: 1, filter: '(b = ?)' } } },
    { db: { node: { rows: 3, loops: 3, total_ms: 264, rows_removed_by_filter: 600 } } }, SERVER);
  trace.op('pg.node', 'gather', 300, 1000, { db: { node: { id: 2, name: 'Index Scan on u', plan_rows: 2, index_cond: '(x = t.a)' } } },
    { db: { node: { rows: 3000, loops: 20, total_ms: 1 } } }, SERVER);
}

// Statements that waited, one whose text was cut, and time that no finding explains.
function waits(trace) {
  const root = trace.op('wsgi', BASE, 0, 400000, { request: { method: 'GET', path: '/report' } });
  const run = (begin, length, text, db, more = {}) => {
    const call = trace.op('db', root, begin, length, statement(text));

    trace.op('pg', call, begin + 4000, length - 8000, statement(text, more), { db }, SERVER);
  };

  run(5000, 100000, 'SELECT sum(n) FROM big', { waits: { 'IO:DataFileRead': 4, 'IO:DataFilePrefetch': 2, 'LWLock:BufferMapping': 1 },
    cpu: { user_ms: 40, system_ms: 6, of_ms: 92 } });
  run(120000, 50000, 'UPDATE big SET n = 0', { waits: { 'Lock:tuple': 3, 'IO:WALSync': 1 } });
  run(180000, 50000, 'UPDATE big SET n = 0', { waits: { 'Lock:tuple': 2 } });
  run(250000, 20000, 'SELECT 1, 2, 3, 4', {}, { statement_length: 90000 });
}

// What a session of a program without points of its own leaves: no root above it.
function session(trace) {
  trace.service = 'billing';
  trace.op('db.connect', BASE, 0, 5000, {});
  trace.op('db', BASE, 6000, 1000, statement('BEGIN'));
  for (const id of [1, 2])
    trace.op('db', BASE, 7000 * id + 4000, 9000, statement(`SELECT total FROM invoice WHERE id = ${id}`));
}

// Two requests of one trace, the short one first.
function requests(trace) {
  trace.service = 'public';
  trace.op('wsgi', BASE, 0, 1800, { request: { method: 'GET', path: '/v3', query: '' } });
  const post = trace.op('wsgi', BASE, 5000, 750000,
    { request: { method: 'POST', path: '/v3/auth/tokens', query: '' } });
  const db = trace.op('db', post, 20000, 140000, statement('SELECT 1', { server: 'db1:5432' }));

  trace.op('pg', db, 60000, 40000, statement('SELECT 1'), {}, SERVER);
}

// A slow page: a wrong plan, a wait for a lock, a query in a loop, an error.
function slow(trace, loops) {
  const root = trace.op('wsgi', BASE, 0, 1840000,
    { request: { method: 'POST', path: '/reports/monthly', query: '' } });

  query(trace, root, 2100, 900, 'BEGIN', 0);
  query(trace, root, 4000, 1900, "SELECT id, name, role FROM account WHERE session = 'k3'", 1);
  const report = query(trace, root, 8000, 623000,
    'SELECT o.id, o.created, c.name, o.total\n  FROM orders o\n  JOIN customer c ON c.id = o.customer\n' +
    " WHERE o.status = 'open' AND o.region = 'north' -- the monthly list\n ORDER BY o.created DESC", 12840);

  trace.op('pg.plan', report, 8100, 1400, {}, { db: { plan: { cost: 41200.5, rows: 40 } } }, SERVER);
  plan(trace, report, 9800);
  const update = query(trace, root, 640000, 486000,
    "UPDATE stock SET reserved = reserved + 1 WHERE item = 4711", 1);

  trace.op('pg.wait', update, 640300, 484000,
    { db: { lock: { name: 'ShareLock on stock, row (12,7), held by process 5120 (worker, active)',
      relation: 'stock', mode: 'ShareLock' }, held_by: { pid: 5120, application: 'worker',
      state: 'active', statement: 'UPDATE stock SET reserved = 0 WHERE item = 4711' } } }, {}, SERVER);
  for (let i = 0; i < loops; i++)
    query(trace, root, 1130000 + Math.floor((i * 560000) / loops),
      Math.floor((380000 / loops) * (0.7 + trace.random() * 0.6)),
      `SELECT price, currency FROM price WHERE item = ${1000 + i} AND valid`, 1);
  trace.op('db', root, 1700000, 4200, statement(
    "INSERT INTO invoice (number, customer, total) VALUES ('2026-11-0042', 7, 129.50)"),
  { etype: 'unique_violation', message: 'duplicate key value violates unique constraint "invoice_number_key"' });
  trace.op('render', root, 1710000, 80000, { name: 'monthly.pdf' });
  const commit = query(trace, root, 1795000, 38000, 'COMMIT', 0);

  trace.op('pg.commit', commit, 1795200, 37000, {}, { db: { wal_sync_ms: 35.2 } }, SERVER);
}

// The same request as slow, after repairs: an index, one query for all prices, no wait.
function faster(trace) {
  trace.base = '6c4d2f11-1111-4222-8333-444455556666';
  const root = trace.op('wsgi', trace.base, 0, 214000,
    { request: { method: 'POST', path: '/reports/monthly', query: '' } });

  query(trace, root, 2100, 900, 'BEGIN', 0);
  query(trace, root, 4000, 1900, "SELECT id, name, role FROM account WHERE session = 'k3'", 1);
  const report = query(trace, root, 8000, 41000,
    'SELECT o.id, o.created, c.name, o.total\n  FROM orders o\n  JOIN customer c ON c.id = o.customer\n' +
    " WHERE o.status = 'open' AND o.region = 'north' -- the monthly list\n ORDER BY o.created DESC", 12840);

  trace.op('pg.node', report, 9000, 39000,
    { db: { node: { id: 0, name: 'Index Scan using orders_open on orders o', type: 'Index Scan', plan_rows: 12800,
      plan_width: 8 } } }, { db: { node: { loops: 1, rows: 12840, total_ms: 39 } } }, SERVER);
  query(trace, root, 52000, 2100, 'UPDATE stock SET reserved = reserved + 1 WHERE item = 4711', 1);
  query(trace, root, 56000, 9000, 'SELECT price, currency FROM price WHERE item = ANY ($1) AND valid', 190);
  query(trace, root, 67000, 2400,
    "INSERT INTO invoice (number, customer, total) VALUES ('2026-11-0043', 7, 129.50)", 1);
  trace.op('render', root, 71000, 80000, { name: 'monthly.pdf' });
  const commit = query(trace, root, 154000, 38000, 'COMMIT', 0);

  trace.op('pg.commit', commit, 154200, 37000, {}, { db: { wal_sync_ms: 35.2 } }, SERVER);
}

// Statements that waited for a processor, one of them most, whose plan has a scan without an
// index.
function crowded(trace) {
  const root = trace.op('wsgi', BASE, 0, 900000, { request: { method: 'GET', path: '/report' } });
  const cpu = (of, used) => ({ db: { cpu: { user_ms: used, system_ms: 0, of_ms: of, involuntary_switches: 90 } } });
  const text = "SELECT id, total FROM orders\n WHERE region = 'north';";
  const call = trace.op('db', root, 1000, 800000, statement(text));
  const server = trace.op('pg', call, 2000, 798000, statement(text), cpu(798, 398), SERVER);
  const gather = trace.op('pg.node', server, 3000, 790000, { db: { node: { id: 0, name: 'Limit', type: 'Limit', plan_rows: 5 } } },
    { db: { node: { loops: 1, rows: 20, total_ms: 790 } } }, SERVER);

  trace.op('pg.node', gather, 3100, 780000, { db: { node: { id: 1, name: 'Seq Scan on orders', type: 'Seq Scan',
    relation: 'orders', plan_rows: 5, filter: '(region = ?)' } } },
  { db: { node: { loops: 1, rows: 20, total_ms: 780, rows_removed_by_filter: 900000 } } }, SERVER);
  for (let i = 0; i < 4; i++)
    trace.op('pg', trace.op('db', root, 810000 + i * 20000, 12000, statement(`SELECT ${i}, now()`)),
      811000 + i * 20000, 10000, statement(`SELECT ${i}, now()`), cpu(10, 2), SERVER);
}

// Three operations with one id.
function repeated(trace) {
  for (const begin of [0, 1000, 2000])
    trace.op('cache', BASE, begin, 900, {}, {}, { id: 'cache' });
}

// A session without a service: statements in a loop, before and behind a slow one whose plan was
// wrong. Only rows of its nodes were counted. The last operations end with the trace.
function baskets(trace) {
  const host = { host: 'vm' };
  const buffers = { shared_blks_hit: 1763, shared_blks_read: 7 };
  const slowText = "SELECT a.country, count(*) FROM customer a, customer b WHERE a.country = 'c9' AND a.region = 'r9'" +
    " AND b.country = 'c11' AND b.region = 'r11' AND a.city = b.city GROUP BY 1";
  const run = (begin, length, text, db = {}) => {
    const call = trace.op('db', BASE, begin, length, statement(text), {}, host);
    const server = trace.op('pg', call, begin + 50, length - 100, statement(text), { db }, host);

    trace.op('pg.plan', server, begin + 60, 30, {}, {}, host);
    return server;
  };
  const node = (up, name, expected, rows, loops, more = {}, ended = {}) =>
    trace.op('pg.node', up, 105100, 1, { db: { node: { name, type: name.split(' on ')[0], plan_rows: expected, ...more } } },
      { db: { node: { rows, loops, ...ended } } }, host);

  trace.service = '';
  trace.op('db.connect', BASE, 0, 7100, {}, {}, host);
  trace.op('db', BASE, 7200, 970, statement('BEGIN'), {}, host);
  for (let i = 0; i < 60; i++) {
    const begin = i < 40 ? 8200 + 2250 * i : 498000 + 2200 * (i - 40);

    run(begin, 700 + (i % 7) * 5, `SELECT name FROM customer WHERE id = ${i}`);
    run(begin + 740, 690 + (i % 5) * 5, `SELECT sum(total) FROM invoice WHERE customer = ${i} AND state = 'open'`);
    run(begin + 1460, 700, `SELECT count(*) FROM invoice WHERE id BETWEEN ${i} AND ${i} + 20`);
  }
  const slowest = run(105000, 392000, slowText,
    { rows: 1, buffers, cpu: { user_ms: 380.2, system_ms: 9.8, of_ms: 391.8 }, waits: { 'IO:DataFileRead': 1.5, 'Lock:tuple': 0.4 } });
  const join = node(node(slowest, 'GroupAggregate', 34, 1, 1), 'Nested Loop', 859, 2614962, 1,
    { join_filter: '(a.city = b.city)' }, { rows_removed_by_join_filter: 3145038 });

  node(node(join, 'Bitmap Heap Scan on customer a', 56, 2400, 1, { relation: 'customer' }),
    'Bitmap Index Scan using customer_country_idx', 2584, 2400, 1);
  node(node(join, 'Materialize', 46, 5760000, 2400), 'Bitmap Heap Scan on customer b', 46, 2400, 1);
  const commit = trace.op('db', BASE, 542776, 224, statement('COMMIT'), {}, host);
  const served = trace.op('pg', commit, 542900, 92, statement('COMMIT'), {}, host);

  trace.op('pg.commit', served, 542910, 77, {}, {}, host);
}

// A session over a Unix socket: statements in a loop, and a slow one whose estimate was wrong in a
// scan that took no time, below a join that took it all. Its worker waited for the leader.
function shipments(trace) {
  const host = { host: 'vm' };
  const run = (begin, length, text, db = {}) => {
    const call = trace.op('db', BASE, begin, length, statement(text, { server: '/run/postgresql' }), { db: { rows: 1 } }, host);
    const server = trace.op('pg', call, begin + 240, length - 480, statement(text), { db: { rows: 1, ...db } }, host);

    trace.op('pg.plan', server, begin + 250, 20, {}, {}, host);
    return server;
  };
  const node = (up, name, expected, rows, loops, more = {}, ended = {}) =>
    trace.op('pg.node', up, 69000, 1, { db: { node: { name, type: name.replace(/^Parallel | on .*/g, ''), plan_rows: expected, ...more } } },
      { db: { node: { rows, loops, ...ended } } }, host);
  const scan = ['Parallel Seq Scan on shipment s', 1];
  const filter = { filter: "((s.weight > ?) AND (s.state = 'waiting'::text))", relation: 'shipment' };

  trace.service = '';
  trace.op('db.connect', BASE, 0, 6800, {}, {}, host);
  for (let i = 0; i < 60; i++) {
    const begin = i < 40 ? 7000 + 1500 * i : 2668000 + 1500 * (i - 40);

    run(begin, 700 + (i % 7) * 5, `SELECT name, region FROM customer WHERE id = ${i}`);
    run(begin + 760, 700 + (i % 5) * 5, `UPDATE customer SET name = md5(name) WHERE id = ${i}`);
  }
  const slowest = run(68000, 2598000, 'SELECT c.region, count(*), sum(t.price) FROM shipment s JOIN customer c ON c.id = s.customer ' +
    'JOIN tariff t ON t.region = c.region AND t.from_weight <= s.weight ' +
    "WHERE s.state = 'waiting' GROUP BY c.region ORDER BY 2 DESC LIMIT 5", { waits: { 'IPC:BgWorkerStartup': 2.1 } });
  const join = node(node(slowest, 'Limit', 5, 2, 1), 'Nested Loop', 33, 214880, 1,
    { join_filter: '(c.region = t.region)' }, { rows_removed_by_join_filter: 19785120 });
  const gather = node(join, 'Gather Merge', 1, 5000, 1, { workers_planned: 1 }, { workers_launched: 1 });

  node(gather, ...scan, 5000, 2, filter, { rows_removed_by_filter: 295000 });
  node(join, 'Seq Scan on tariff t', 4000, 20000000, 5000, { relation: 'tariff' });
  const worker = trace.op('pg.worker', slowest, 84000, 1590000, { db: { worker: { name: 'worker 0', number: 0 } } },
    { db: { rows: 3167, waits: { 'IPC:MessageQueueSend': 1541.3 }, cpu: { user_ms: 12, system_ms: 0.2, of_ms: 1589 } } }, host);

  node(worker, ...scan, 3167, 1, filter, { rows_removed_by_filter: 111745 });
}

// Operations that did not end as they should, and points that were lost.
function broken(trace) {
  const root = trace.op('wsgi', BASE, 0, 250000,
    { request: { method: 'GET', path: '/export', query: '' } }, null);
  const db = trace.op('db', root, 4000, 0, statement('SELECT * FROM archive ORDER BY created'), null);

  trace.op('pg', db, 4100, 0, statement('SELECT * FROM archive ORDER BY created', { pid: 999 }), null,
    SERVER);
  trace.op('db', root, 5000, 90000, statement('SELECT count(*) FROM archive'),
    { db: { outcome: 'interrupted' } });
  const outer = trace.op('pg', root, 100000, 60000, statement('SELECT refresh_all()'), {}, SERVER);

  trace.op('pg', outer, 101000, 0, statement('REFRESH MATERIALIZED VIEW totals'), null, SERVER);
  trace.op('cache', root, 170000, 5000, null, {});
  trace.op('db', root, 180000, 70000, statement('DELETE FROM export WHERE done'),
    { etype: 'lock_not_available', message: 'canceling statement due to lock timeout' });
  for (const lost of [7, 5])
    trace.op('osprofiler.lost', BASE, 240000, 0, { lost_points: lost }, { lost_points: lost },
      { service: 'database', host: 'elsewhere' });
}

const PWN = 'globalThis.pwned = true';

const HOSTILE_TEXTS = [
  `</script><script>${PWN}</script>`,
  `<!--<script>${PWN}//-->`,
  `<img src=x onerror="${PWN}">`,
  `"><svg onload="${PWN}">`,
  `javascript:${PWN}`,
  'SELECT \u202e1 -- tfel ot thgir\u202c \u2028 \u2029 \u200b \u0000 \u0007 \u001b[31m',
  "\ud800 a surrogate alone, \ufeff a mark, \u{e0041} a tag",
  `${'x'.repeat(159)}\u{1f40c} cut between two halves`, '\u05d0\u05d1\u05d2 from the right',
  '__proto__', 'constructor', '${PWN}', '@SCRIPT@', '\\u003c/script>',
];

// Texts that try to be more than texts, everywhere where a text can be.
function hostile(trace) {
  const root = trace.op('wsgi', BASE, 0, 90000, { request: { method: 'GET', path: HOSTILE_TEXTS[0] } });

  HOSTILE_TEXTS.forEach((text, index) => {
    const begin = 1000 + index * 5000;

    trace.op('db', root, begin, 4000,
      { ...statement(text), [text]: { [text]: text }, big: 1 },
      { etype: text, message: text, [text]: [text] }, { service: text, host: text });
    trace.op(`n${text.replaceAll('-', ' ')}`, root, begin + 100, 200, { name: text });
  });
  trace.op('db', root, 71000, 900, JSON.parse('{"__proto__": {"pwned": true}, "db": {"statement": "p"}}'));
}

// A text of 10 MB.
function long(trace) {
  trace.op('db', BASE, 0, 900, statement(`SELECT '${'x'.repeat(10 << 20)}' AS long -- \u202e`));
}

// Parents that form a ring, that are not there, and clocks that jump.
function strange(trace) {
  const [a, b] = ['ring-a', 'ring-b'];

  trace.op('ring', b, 1000, 20000, { name: 'a' }, {}, { id: a });
  trace.op('ring', a, 2000, 10000, { name: 'b' }, {}, { id: b });
  trace.op('orphan', '99999999-0000-4000-8000-000000000000', 30000, 5000, { name: 'without a parent' });
  const root = trace.op('wsgi', BASE, 40000, 50000, { request: { method: 'GET', path: '/clock' } });

  trace.op('pg', root, 3600e6, 20000, statement('SELECT 1'), {}, SERVER);
  trace.op('pg', root, 60000, -20000, statement('SELECT 2'), {});
  for (let i = 0, parent = root; i < 300; i++)
    parent = trace.op('deep', parent, 41000 + i, 30000 - 2 * i, { name: `level ${i}` });
}

// Many requests after each other; count operations.
function many(trace, count) {
  const root = trace.op('job', BASE, 0, count * 400, { name: 'nightly import' });
  const tables = ['orders', 'customer', 'item', 'price', 'stock', 'invoice'];

  for (let n = 1, begin = 1000; n < count;) {
    const batch = trace.op('import', root, begin, 9000, { name: `file ${n}` });

    n++;
    for (let i = 0; i < 12 && n + 1 < count; i++, n += 2) {
      const table = tables[Math.floor(trace.random() * tables.length)];
      const failed = trace.random() < 0.002;

      query(trace, batch, begin + 100 + i * 700, 300 + Math.floor(trace.random() * 380),
        `INSERT INTO ${table} (id, note, amount) VALUES (${n}, 'note ${n}', ${(n * 7) % 1000})`, 1,
        failed ? { etype: 'unique_violation', message: `duplicate key (${n})` } : {});
    }
    begin += 9600;
  }
}

// Ids, names, places and texts without a place where a line can be broken.
function unbroken(trace) {
  const x = 'x'.repeat(300);

  trace.base = x;
  trace.op(x, x, 0, 900, statement(x), { etype: x }, { id: x, service: x, host: x });
  ['/', '#', '%00', '?x', 'a b', '..', '"', 'é', '__proto__', 'toString'].forEach((id, n) =>
    trace.op('a', x, 1000 + n, 9, statement(`SELECT '${id}İx'`), {}, { id }));
}

// Statements that differ in more than constants.
function distinct(trace, count) {
  const root = trace.op('job', BASE, 0, count * 30 + 100, { name: 'dump' });
  const letters = (n) => [...n.toString(26)].map((digit) => String.fromCharCode(97 + parseInt(digit, 26))).join('');

  for (let n = 0; n < count; n++)
    trace.op('db', root, n * 30, 20, statement(`SELECT * FROM t_${letters(n)}`));
}

// Trees that no program makes on purpose. parentOf says for an operation which of the earlier
// ones called it; -1: none.
const TREES = {
  random: (n, random) => Math.floor(random() * n),
  chain: (n) => n - 1,
  star: (n) => Math.min(n - 1, 0),
  comb: (n) => (n % 2 === 1 ? n - 1 : n - 2),
  walk: (n, random, last) => (random() < 0.6 ? n - 1 : Math.max(0, last - Math.floor(random() * 4))),
  near: (n, random) => Math.max(0, n - 1 - Math.floor(random() * 20)),
};

const node = (n) => ({ db: { node: { id: n, name: `Seq Scan on t${n % 7}`, plan_rows: 1, filter: '(a = ?)' } } });

// What the operations of a tree are; n is their number.
const CONTENTS = {
  calls: (n) => (n % 3 === 0 ? ['call', { name: `step ${n}` }, {}]
    : ['db', statement(`SELECT ${n % 50} FROM t${n % 7} WHERE id = ${n}`), {}]),
  nodes: (n) => (n === 0 ? ['pg', statement('SELECT 1'), {}]
    : ['pg.node', node(n), { db: { node: { rows: 1, loops: 1, total_ms: 0.5, rows_removed_by_filter: 9000 } } }]),
  functions: (n) => (n % 2 === 0 ? ['pg', statement('SELECT step()'), { db: { waits: { 'IO:DataFileRead': 0.5 }, active_ms: 1,
    io_read_ms: 0.5, buffers: { shared_blks_read: 900 }, cpu: { user_ms: 1, of_ms: 90, involuntary_switches: 900 } } }]
    : ['pg.function', { db: { function: { name: 'step' } } }, { db: { calls: 1, total_ms: 1 } }]),
};

// Ids of a megabyte, of an operation and of a caller that is not in the trace.
function longIds(trace) {
  trace.op('call', BASE, 0, 9000, { name: 'first' }, {}, { id: `id${'i'.repeat(1e6)}` });
  trace.op('call', `parent${'p'.repeat(1e6)}`, 9000, 9000, { name: 'second' });
}

// Texts on which /(a+)+$/ tries about 2^40 ways, and /(?:a|b)*a(?:a|b){16}c/ has 2^17 states.
function manyWays(trace) {
  const letters = Array.from({ length: 300000 }, () => 'ab'[Math.floor(trace.random() * 2)]).join('');

  trace.op('db', BASE, 0, 1000, statement(`SELECT '${'a'.repeat(40)}!'`));
  trace.op('db', BASE, 2000, 1000, statement('SELECT 2'));
  trace.op('db', BASE, 4000, 1000, statement(`SELECT '${letters}'`));
}

// A tree of count operations, each inside of its caller.
function tree(trace, shape, count, what = 'calls') {
  const ids = [];
  let last = -1;

  for (let n = 0; n < count; n++) {
    const [name, start, stop] = CONTENTS[what](n);

    last = n === 0 ? -1 : TREES[shape](n, () => trace.random(), last);
    ids.push(trace.op(name, last < 0 ? BASE : ids[last], n, 2 * (count - n), start, stop));
  }
}

const REQUESTS = [
  ['shop', 'GET', '/orders'], ['shop', 'POST', '/checkout'], ['shop', 'GET', '/basket'],
  ['keystone', 'POST', '/v3/auth/tokens'], ['nova', 'GET', '/servers/detail'],
];

const JOBS = [
  ['reports', 'SELECT region, sum(total) FROM orders GROUP BY region ORDER BY 2 DESC'],
  ['import', "INSERT INTO item (number, name, price) VALUES (4711, 'a chair', 49.90)"],
  ['reports', 'SELECT c.name, count(*) FROM customer c JOIN orders o ON o.customer = c.id GROUP BY 1'],
];

// Many traces, one every 7 seconds up to BEGIN_US; the last one has the highest number.
function list(trace, count) {
  for (let n = 1; n <= count; n++) {
    const begin = (n - count) * 7e6;
    const length = Math.floor(900 * Math.exp(trace.random() * 7.5));
    const failed = trace.random() < 0.04;
    const request = n % 5 === 0 ? undefined : REQUESTS[Math.floor(trace.random() * REQUESTS.length)];

    trace.base = `${String(n).padStart(8, '0')}-1111-4222-8333-444455556666`;
    if (request !== undefined) {
      const [service, method, path] = request;
      const root = trace.op('wsgi', trace.base, begin, length,
        statement(`${method} ${path}`), {}, { service });

      trace.op('db', root, begin + Math.round(length * 0.1), Math.round(length * 0.7), statement('SELECT 1'),
        failed ? { etype: 'deadlock_detected', message: 'deadlock detected' } : {}, { service });
    } else {
      const [service, text] = JOBS[Math.floor(trace.random() * JOBS.length)];

      trace.op('db', trace.base, begin, length, statement(text), {}, { service });
    }
  }
}

// A list whose ids, services and texts try to be more than texts.
function hostileList(trace) {
  HOSTILE_TEXTS.forEach((text, index) => {
    trace.base = index === 0 ? '../../../etc/passwd?a=b&c=d#e' : text.slice(0, 100);
    trace.op(`n${text}`, trace.base, index * 5000, 900, statement(text), { etype: text },
      { service: text });
  });
}

// Two traces with such texts wherever a comparison shows one.
function hostilePair(trace) {
  for (const letter of ['a', 'b']) {
    trace.base = `${letter}"><img src=x onerror="${PWN}">`;
    HOSTILE_TEXTS.forEach((text, index) => {
      const place = { service: text, host: text };
      const op = trace.op('pg', trace.base, index * 9000, 8000 - (letter === 'a' ? 0 : index * 100),
        statement(text), { etype: `${text}${letter}`, message: text }, place);

      trace.op('pg.node', op, index * 9000 + 100, 5000,
        { db: { node: { id: 0, name: `${letter} ${text}`, type: text, relation: text } } }, {}, place);
    });
  }
}

const TRACES = {
  few, waits, counted, crowded, repeated, parallel, requests, session, baskets, shipments, slow: (trace) => slow(trace, 190),
  thousand: (trace) => slow(trace, 490), faster, broken, hostile, long, longIds, manyWays, strange,
  unbroken,
  one: (trace) => trace.op('job', BASE, 0, 1500, { name: 'alone' }),
  list: (trace) => list(trace, 250), list10k: (trace) => list(trace, 10000), hostileList, hostilePair,
  distinct20k: (trace) => distinct(trace, 20000),
  points100k: (trace) => many(trace, 50000),
  operations100k: (trace) => many(trace, 100000),
  ...Object.fromEntries(Object.keys(TREES).flatMap((shape) => [2, 20, 100].flatMap((thousands) =>
    Object.keys(CONTENTS).map((what) =>
      [`${shape}-${what}-${thousands}k`, (trace) => tree(trace, shape, thousands * 1000, what)])))),
};

export function makeTrace(name, file) {
  const trace = new Trace();

  TRACES[name](trace);
  return new Promise((done, failed) => {
    const out = createWriteStream(file);

    out.on('error', failed);
    for (let i = 0; i < trace.lines.length; i += 5000)
      out.write(`${trace.lines.slice(i, i + 5000).join('\n')}\n`);
    out.end(done);
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href)
  await makeTrace(process.argv[2], process.argv[3]);
