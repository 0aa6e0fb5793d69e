import { expect, test } from 'vitest';
import { describeTransport } from '../testing/conformance.js';
import { Recorder } from '../testing/recorder.js';
import { memoryTransport } from './memory-transport.js';

describeTransport('memory', () => {
  const transport = memoryTransport();
  return {
    listen: async (onConnection) => transport.listen(onConnection),
    dial: transport.dial,
    nowhere: 'memory://99',
  };
});

test('two transports do not meet', async () => {
  const listener = memoryTransport().listen(() => {});
  await expect(memoryTransport().dial(listener.url)).rejects.toMatchObject({ code: 'transport.connect' });
});

test('frames pass by reference', async () => {
  const { listen, dial } = memoryTransport();
  const frame = new Uint8Array(8);
  let atServer!: Recorder;
  const listener = listen((connection) => {
    atServer = Recorder.bind(connection);
  });
  const client = await dial(listener.url);
  client.send(frame);
  await atServer.until(({ frames }) => frames.length === 1);
  expect(atServer.frames[0]).toBe(frame);
});
