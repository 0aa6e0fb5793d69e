import { expect, it } from 'vitest';
import { CLOUDS, Workplace } from './fedloom.js';

const TRAINER = `
import { defineTask } from 'fedloom';
const trainer = { getModelParams: () => ({ w: [1] }), setModelParams() {}, train: () => ({ sampleCount: 1 }), test: () => ({ results: {}, sampleCount: 1 }) };
export default defineTask({ name: 'own', trainer: () => trainer });
`;

it.each([
  ['task.ts 4 2 1', /^Join: fedloom client --server ws:\/\/127\.0\.0\.1:\d+ --index 0-3 --data DIR$/m],
  ['task.ts 1 1 1', / --index 0 --data DIR$/m],
  // Training code is not shipped: its clients need the file, and what was changed in it.
  [
    'own/task.ts 3 2 1 --algorithm fedAdam(serverLearningRate=0.1)',
    /^Join: fedloom client own\/task\.ts --server ws:\S+ --index 0-2 --algorithm 'fedAdam\(serverLearningRate=0\.1\)'$/m,
  ],
])('a server says what starts its clients: %s', async (args, hint) => {
  const place = await Workplace.create({ 'task.ts': CLOUDS, 'own/task.ts': TRAINER });
  const server = place.start(`server ${args} --listen 127.0.0.1:0`);
  await server.until('a hint', () => (server.stdout.includes('Join: ') ? true : undefined));
  expect(server.stdout).toMatch(hint);
});
