// What every algorithm must do, asked of this one:
//   npx jiti examples/03-own-algorithm/conformance.ts        (or: node --test ..., from Node 22.18 on)
import { test } from 'node:test';
import { algorithmSuite } from 'fedloom/testing';
import { fedAvgM } from './task.ts';

for (const { name, run } of algorithmSuite(() => fedAvgM({ beta: 0.7 }))) test(name, run);
