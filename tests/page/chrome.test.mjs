// SPDX-License-Identifier: Apache-2.0
//
// chrome.test.mjs
//     `osprofiler trace export --format chrome`, read by the engine of Chromium's DevTools,
//     which opens traces in its panel "Performance". Of Perfetto there is no package that
//     works without its server or a download, and Debian's Chromium has no chrome://tracing.
//     tests/cli/export.t checks the same traces by a schema of the format.

import test from 'node:test';
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { run, writePoints } from './pages.mjs';

// The engine is made for a browser, and names this class of one.
globalThis.DOMRect ??= class {};
const engine = createRequire(process.env.OSP_MODULES).resolve('@paulirish/trace_engine/models/trace/trace.js');
const { TraceModel } = await import(pathToFileURL(engine));

// The operations that the engine finds: [name, how deep below its thread, microseconds].
async function read(points) {
  const { traceEvents } = JSON.parse(run('trace', 'export', '--format', 'chrome', points));
  const model = TraceModel.Model.createWithAllHandlers();

  await model.parse(traceEvents);
  const { entryToNode, processes } = model.parsedTrace().data.Renderer;
  const inThreads = [...processes.values()].flatMap(({ threads }) => [...threads.values()])
    .reduce((sum, { entries }) => sum + entries.length, 0);

  assert.equal(inThreads, traceEvents.filter(({ ph }) => ph === 'X').length, 'every operation is in a thread');
  return [...entryToNode].map(([{ name, dur }, { depth }]) => [name, depth, dur]);
}

test('a Chrome trace opens in the engine of DevTools', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'osprofiler-chrome.'));

  t.after(() => rmSync(dir, { recursive: true }));
  for (const [name, count] of [['slow', 400], ['strange', 306], ['hostile', 30], ['broken', 8]])
    await t.test(name, async () => {
      const found = await read(await writePoints(dir, name));

      assert.equal(found.length, count);
      if (name === 'slow')
        for (const operation of [['wsgi POST /reports/monthly', 0, 1840000], ['pg.node Sort', 1, 618000],
          ['pg.node Nested Loop', 2, 604000]])
          assert.ok(found.some((one) => one.join() === operation.join()), operation.join());
    });
});
