import { expect, it } from 'vitest';
import { ownCodePlace } from './own-code-place.js';

it.each([
  ['a function of a file', 'Error: no\n    at Mine.train (/home/me/task.ts:12:7)', 'task.ts:12'],
  ['a module', 'Error: no\n    at file:///home/me/main.mjs:3:1', 'main.mjs:3'],
  ['after an await', 'Error: no\n    at async Mine.test (C:\\me\\task.ts:9:1)', 'task.ts:9'],
  [
    'what called others',
    'Error: no\n    at JSON.parse (<anonymous>)\n    at Object.readFileSync (node:fs:449:20)\n' +
      '    at f (/home/me/node_modules/x/index.js:1:2)\n    at g (/home/me/a b/data.ts:5:6)\n    at h (/home/me/task.ts:7:8)',
    'data.ts:5',
  ],
])('%s', (_, stack, place) => {
  expect(ownCodePlace(stack)).toBe(place);
});

it.each([
  ['fedloom’s own', 'Error: no\n    at f (/src/fedloom/packages/fedloom/dist/client/training.js:1:2)'],
  ['what is installed', 'Error: no\n    at f (/home/me/node_modules/fedloom/dist/command/main.js:1:2)'],
  ['what the system says', "Error: ENOENT: no such file or directory, open '/x:1:2'"],
])('nothing of %s', (_, stack) => {
  expect(ownCodePlace(stack)).toBeUndefined();
});
