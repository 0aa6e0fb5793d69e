import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fedAvg, overrideTask, simulate } from 'fedloom';
import { algorithmSuite } from 'fedloom/testing';
import { serverMomentum } from './server-momentum.ts';
import task from './task.ts';

// What every algorithm must do.
for (const { name, run } of algorithmSuite(() => serverMomentum({ momentum: 0.8 }))) test(name, run);

test('it learns', async () => {
  const { metrics } = await simulate(task, { clients: 10, clientsPerRound: 5, rounds: 15 }).result;
  assert.ok(Number(metrics?.accuracy) > 0.75, `accuracy ${metrics?.accuracy}`);
});

test('without momentum it is FedAvg', async () => {
  const sizes = { clients: 10, clientsPerRound: 5, rounds: 3 };
  const without = await simulate(overrideTask(task, 'algorithm.momentum', '0'), sizes).result;
  const plain = await simulate({ ...task, algorithm: fedAvg() }, sizes).result;
  assert.equal(without.metrics?.accuracy, plain.metrics?.accuracy);
});
