import { expect, test } from 'vitest';
import { Recorder } from '../../conformance/recorder.js';
import { describeSuite } from '../../conformance/testing/describe-suite.js';
import { transportSuite } from '../../conformance/transport-suite.js';
import { memoryTransport } from './memory-transport.js';

describeSuite(
  'transport memory',
  transportSuite(() => ({ ...memoryTransport(), nowhere: 'memory://99' })),
);

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
