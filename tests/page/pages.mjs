// SPDX-License-Identifier: Apache-2.0
//
// The pages that browsers open: files that the command writes, and those that
// `osprofiler web` serves.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { makeTrace } from './make_traces.mjs';

const command = join(process.env.OSP_BUILD, 'bin/osprofiler');

// The drivers are those of the build directory.
export const environment = { ...process.env, OSPROFILER_DRIVER_PATH: join(process.env.OSP_BUILD, 'drivers') };

// Runs the command, which must have nothing to say, and returns what it writes.
export const run = (...args) => runSaying('', ...args);

function runSaying(said, ...args) {
  const done = spawnSync(command, args, { encoding: 'utf8', env: environment, maxBuffer: 1 << 28 });

  assert.equal(done.stderr, said);
  assert.equal(done.status, 0);
  return done.stdout;
}

// Writes a trace of make_traces.mjs into the folder, and returns the path.
export async function writePoints(dir, name) {
  const points = join(dir, `${name}.points`);

  await makeTrace(name, points);
  return points;
}

// Writes the page of points, and returns its path. said: what the command has to say.
export function writePageOf(dir, points, name, said = '') {
  const html = join(dir, `${name}.html`);

  runSaying(said, 'trace', 'show', '--html', '--out', html, points);
  return html;
}

// A running `osprofiler web` over these collectors.
export class Web {
  static async start(...collectors) {
    const web = new Web();

    web.process = spawn(command,
      ['web', ...collectors.flatMap((uri) => ['--connection-string', uri])],
      { env: environment, stdio: ['ignore', 'pipe', 'inherit'] });
    web.ended = new Promise((done) => { web.process.on('exit', done); });
    web.address = await new Promise((done) => {
      web.process.stdout.once('data', (text) => done(String(text).split('\n')[0]));
    });
    web.origin = new URL(web.address).origin;
    return web;
  }

  async stop() {
    this.process.kill('SIGTERM');
    assert.equal(await this.ended, 0);
  }
}
