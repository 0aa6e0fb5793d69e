import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { folderSource, replay } from 'fedloom';
import { afterEach, expect, it } from 'vitest';
import { type CrowdOptions, type CrowdSays, crowdTask } from './crowd-terms.js';
import { Member } from './member.js';

const CLIENTS = 1000;
const PROCESSES = 2;
const PARAMETERS = 100;
const SIZE = { clients: CLIENTS, clientsPerRound: 50, rounds: 12 };

const members: Member<CrowdSays>[] = [];
const folders: string[] = [];
afterEach(async () => {
  for (const member of members.splice(0)) await member.kill();
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
});

it('1,000 WebSocket clients come at once, go and come back: the run goes on, and its journal comes to the same model', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fedloom-crowd-'));
  folders.push(folder);
  const server = new Member<CrowdSays>('crowd-server.js', { ...SIZE, parameters: PARAMETERS, journal: folder });
  members.push(server);
  const { url } = await server.says('listening');
  const crowds = Array.from({ length: PROCESSES }, (_, i) => {
    const count = CLIENTS / PROCESSES;
    const options: CrowdOptions = { url, from: i * count, count, parameters: PARAMETERS, seed: i, staysMs: 15_000 };
    return new Member<CrowdSays>('crowd-clients.js', options);
  });
  members.push(...crowds);
  // All of them must be there before it begins.
  await server.says('round');
  for (const crowd of crowds) crowd.tell('churn');
  const { modelHash, comings = 0, leavings = 0 } = await server.says('ended');
  for (const crowd of crowds) crowd.tell('over');
  for (const crowd of crowds) await crowd.says('ended');
  expect(comings).toBeGreaterThan(CLIENTS);
  expect(leavings).toBeGreaterThan(0);
  const again = await replay(crowdTask(PARAMETERS), { journal: folderSource(folder), workers: 1 });
  expect((await again.result).modelHash).toBe(modelHash);
}, 240_000);
