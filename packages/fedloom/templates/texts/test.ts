import assert from 'node:assert/strict';
import { test } from 'node:test';
import { simulate } from 'fedloom';
import task from './task.ts';

test('clients together tell who liked it', async () => {
  const { metrics } = await simulate(task, { clients: 10, clientsPerRound: 5, rounds: 15 }).result;
  assert.ok(Number(metrics?.accuracy) > 0.75, `accuracy ${metrics?.accuracy}`);
});
