import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { simulate } from 'fedloom';
import task from './task.ts';

const python = process.env.FEDLOOM_PYTHON ?? 'python3';
const hasTorch = spawnSync(python, ['-c', 'import numpy, torch']).status === 0;
const skip = hasTorch
  ? false
  : `${python} has no PyTorch: pip install torch numpy, or set FEDLOOM_PYTHON to one that has it`;

test('clients together learn what none was told', { skip }, async () => {
  const { metrics } = await simulate(task, { clients: 20, clientsPerRound: 5, rounds: 10 }).result;
  assert.ok(Number(metrics?.accuracy) > 0.7, `accuracy ${metrics?.accuracy}`);
});
