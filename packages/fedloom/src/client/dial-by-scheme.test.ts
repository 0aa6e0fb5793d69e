import { expect, test } from 'vitest';
import { memoryTransport } from '../transport/memory/memory-transport.js';
import { dialByScheme } from './dial-by-scheme.js';

test('the scheme chooses, whatever its case', async () => {
  const { listen, dial } = memoryTransport();
  const listener = listen(() => {});
  const dials = dialByScheme({ memory: dial });
  expect((await dials(listener.url)).peer).toBe('memory');
  const shouted = listener.url.replace('memory', 'MEMORY');
  await expect(dials(shouted)).rejects.toMatchObject({ message: expect.stringContaining(`listens at ${shouted}`) });
});

test.each(['nonsense', 'ftp://host', 'constructor:x', ':', ''])(
  '%o is no address, and the error says what is',
  async (url) => {
    await expect(dialByScheme({ ws: memoryTransport().dial })(url)).rejects.toMatchObject({
      code: 'transport.connect',
      message: expect.stringMatching(/reads like ws:\/\/HOST:PORT\. This client dials ws:;/),
      fields: { url, reason: 'url' },
    });
  },
);
