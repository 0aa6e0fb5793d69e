import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createSocketServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  createLobby,
  folderStorage,
  type JournalOptions,
  joinFederation,
  type RoundRecord,
  type ServedRunOptions,
  simulate,
  type Task,
} from 'fedloom';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryDisk, MemoryStorage } from '../../../packages/fedloom/dist/journal/testing/memory-storage.js';
import { lobbyRuns, ownTraining } from './lobby-tasks.js';

const { plan, own } = lobbyRuns;
/** In which client 0 of the other run waits for what happens to the first. */
const HELD_ROUND = 3;

const alone = { plan: whole(plan.task, plan.size), own: whole(own.task, own.size) };

async function whole(task: Task, options: ServedRunOptions) {
  const run = simulate(task, { ...options, workers: 1 });
  const rounds: unknown[] = [];
  run.on('round', (record) => rounds.push(told(record)));
  const { modelHash } = await run.result;
  return { modelHash, rounds };
}

function told({ round, metrics, clientMetrics, trainLoss }: RoundRecord) {
  return { round, metrics, clientMetrics, trainLoss };
}

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fedloom-lobby-'));
});
afterEach(() => rm(folder, { recursive: true }));

/** Some of a run's clients, with private state in a folder of their own; how the run ended. */
function joined(url: string, run: string, task: Task, from: number, count: number) {
  const stateDir = join(folder, `${run}-clients-${from}`);
  const clients = [{ from, count }];
  return joinFederation(url, { clients, task, workers: 1, run, stateDir }).then((finish) => finish?.reason);
}

/** The own training, in which client 0 waits in one round until it is let go. */
function heldTraining() {
  let letGo: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    letGo = resolve;
  });
  let isThere: () => void = () => {};
  const isHeld = new Promise<void>((resolve) => {
    isThere = resolve;
  });
  const task = ownTraining(async (index, round) => {
    if (index !== 0 || round !== HELD_ROUND) return;
    isThere();
    await held;
  });
  return { task, isHeld, letGo };
}

describe('two runs with journals at one port', () => {
  // At the first version, and then at the records of rounds.
  it.each([{ write: 5 }, { write: 6 }, { write: 7 }, { write: 8 }])(
    'one crashes at write $write, and goes on; the other never notices',
    async (fault) => {
      const lobby = await createLobby();
      const held = heldTraining();
      const storage = await folderStorage(join(folder, 'own'));
      const b = await lobby.open(held.task, { ...own.size, run: 'own', journal: { storage } });
      const others = [joined(lobby.url, 'own', held.task, 0, 2), joined(lobby.url, 'own', held.task, 2, 1)];
      await held.isHeld;

      const disk = new MemoryDisk();
      const open = (journal: JournalOptions) =>
        lobby.open(plan.task, { ...plan.size, workers: 1, run: 'plan', journal });
      const joinBoth = () =>
        Promise.all([joined(lobby.url, 'plan', plan.task, 0, 2), joined(lobby.url, 'plan', plan.task, 2, 2)]);
      const a = await open({ storage: new MemoryStorage(disk, { kind: 'crash', ...fault }) });
      const ends = joinBoth();
      await expect(a.result).rejects.toMatchObject({ code: 'server.failed' });
      expect(await ends).toEqual(['failed', 'failed']);
      expect([...lobby.runs.keys()]).toEqual(['own']);

      const again = await open({ storage: new MemoryStorage(disk), mode: 'resume' });
      const rounds: unknown[] = [];
      again.run.on('prepared', ({ records }) => rounds.push(...records.map(told)));
      again.run.on('round', (record) => rounds.push(told(record)));
      const back = joinBoth();
      expect((await again.result).modelHash).toBe((await alone.plan).modelHash);
      expect(rounds).toEqual((await alone.plan).rounds);
      expect(await back).toEqual(['completed', 'completed']);

      held.letGo();
      expect((await b.result).modelHash).toBe((await alone.own).modelHash);
      expect(await Promise.all(others)).toEqual(['completed', 'completed']);
      await lobby.close();
    },
  );

  it('both go on when their killed process comes back, with the clients that they had', async () => {
    const port = await freePort();
    const url = `ws://127.0.0.1:${port}`;
    const held = heldTraining();
    const first = lobbyProcess(port, 'plan round 1');
    const ends = [joined(url, 'own', held.task, 0, own.size.clients)];
    await held.isHeld;
    ends.push(joined(url, 'plan', plan.task, 0, plan.size.clients));
    await first.says('plan round 1');
    await first.ended;
    expect(first.child.signalCode).toBe('SIGKILL');
    held.letGo();

    const second = lobbyProcess(port);
    expect(await Promise.all(ends)).toEqual(['completed', 'completed']);
    await second.says(`plan hash ${(await alone.plan).modelHash}`);
    await second.says(`own hash ${(await alone.own).modelHash}`);
    await second.ended;
  });
});

/** Starts a lobby with both runs, or goes on with them. @param last what it says before it is killed */
function lobbyProcess(port: number, last?: string) {
  const path = fileURLToPath(new URL('./lobby-process.js', import.meta.url));
  const args = [path, String(port), folder, ...(last?.split(' ') ?? [])];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = once(child, 'close');
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  const says = (words: string) =>
    new Promise<void>((resolve, reject) => {
      const look = () => text.includes(`${words}\n`) && resolve();
      child.stdout.on('data', look);
      void ended.then(() => reject(new Error(`It ended without "${words}":\n${text}`)));
      look();
    });
  return { child, ended, says };
}

async function freePort(): Promise<number> {
  const server = createSocketServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, 'close');
  return port;
}
