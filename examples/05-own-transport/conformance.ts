// What every transport must do, asked of this one:
//   npx jiti examples/05-own-transport/conformance.ts        (or: node --test ..., from Node 22.18 on)
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { transportSuite } from 'fedloom/testing';
import { unixDial, unixListen } from './unix-socket.ts';

const folder = mkdtempSync(join(tmpdir(), 'fedloom-unix-'));
after(() => rmSync(folder, { recursive: true }));

let sockets = 0;
const cases = transportSuite(() => ({
  listen: unixListen(join(folder, `${sockets++}.sock`)),
  dial: unixDial,
  nowhere: `unix:${join(folder, 'nowhere.sock')}`,
}));
for (const { name, run } of cases) test(name, run);
