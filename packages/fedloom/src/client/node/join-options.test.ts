import { describe, expect, it } from 'vitest';
import { joinFederation } from './join-federation.js';

const clients = [{ from: 0, count: 2 }];

describe('joinFederation, called without types', () => {
  it.each([
    [[], /address of the server is undefined; .*they are undefined; give an object such as \{ clients:/],
    [['ws://127.0.0.1:1', {}], /clients is missing; it must be a list of ranges/],
    [['ws://127.0.0.1:1', { clients: [{ from: -1, count: 2 }] }], /clients is a list; it must be a list of ranges/],
    [['ws://127.0.0.1:1', { clients: [0, 1] }], /clients is a list; it must be a list of ranges/],
    [['ws://127.0.0.1:1', { clients, dataDirs: 'parts' }], /there is no option dataDirs\. Did you mean "dataDir"/],
    [['ws://127.0.0.1:1', { clients, workers: 0 }], /workers is 0; it must be a whole number of at least 1/],
  ])('%j', async (given, says) => {
    await expect(Reflect.apply(joinFederation, undefined, given)).rejects.toMatchObject({
      code: 'client.options',
      message: expect.stringMatching(says),
    });
  });
});
