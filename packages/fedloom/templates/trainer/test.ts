import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from 'fedloom';
import task from './task.ts';

test('clients together learn what none was told', async () => {
  const { metrics } = await simulate(task, { clients: 10, clientsPerRound: 5, rounds: 10 }).result;
  assert.ok(Number(metrics?.accuracy) > 0.75, `accuracy ${metrics?.accuracy}`);
});

test('the same seed gives the same model', async () => {
  const run = () => simulate(task, { clients: 10, clientsPerRound: 5, rounds: 3, seed: 7 }).result;
  assert.equal((await run()).modelHash, (await run()).modelHash);
});
