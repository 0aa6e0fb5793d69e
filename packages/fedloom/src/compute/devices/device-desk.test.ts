import { expect, it } from 'vitest';
import { DeviceDesk } from './device-desk.js';

const never = new AbortController().signal;
const update = (round?: number, samples = 5) =>
  JSON.stringify({ msg_type: 4, model_params: { w: [samples] }, num_samples: samples, round_idx: round });
const result = (round?: number) =>
  JSON.stringify({ msg_type: 6, test_result: '{"loss": 1}', num_samples: '3', round_idx: round });

function deskWith(): { readonly desk: DeviceDesk; readonly sent: string[] } {
  const sent: string[] = [];
  return { desk: new DeviceDesk(4, (text) => sent.push(text)), sent };
}

/** Asks, and gives up at once. */
async function giveUp(desk: DeviceDesk, round: number, model: string): Promise<void> {
  const gone = new AbortController();
  const asking = desk.ask({ kind: 'update', round, model }, 'train', gone.signal);
  gone.abort();
  await expect(asking).rejects.toMatchObject({ code: 'client.cancelled' });
}

it('asks, and reads the answer; numbers and objects may come as text', async () => {
  const { desk, sent } = deskWith();
  const asking = desk.ask({ kind: 'result', round: 2, model: 'a' }, 'test', never);
  desk.receive(result());
  expect(await asking).toEqual({ kind: 'result', round: undefined, results: { loss: 1 }, sampleCount: 3 });
  expect(sent).toEqual(['test']);
});

it('an answer to something else is not taken: of another kind, another round, or to nothing', async () => {
  const { desk } = deskWith();
  desk.receive(update(1, 1));
  const asking = desk.ask({ kind: 'update', round: 2, model: 'a' }, 'train', never);
  desk.receive(result(2));
  desk.receive(update(1, 2));
  desk.receive(update(2, 3));
  expect(await asking).toMatchObject({ sampleCount: 3 });
});

it('of a device that does not say the round, the answer to what was given up is dropped, once', async () => {
  const { desk } = deskWith();
  await giveUp(desk, 1, 'a');
  const asking = desk.ask({ kind: 'update', round: 2, model: 'b' }, 'train', never);
  desk.receive(update(undefined, 1));
  desk.receive(update(undefined, 2));
  expect(await asking).toMatchObject({ sampleCount: 2 });
});

it('but taken where the same is asked again, and where the round is said', async () => {
  const { desk } = deskWith();
  await giveUp(desk, 1, 'a');
  const again = desk.ask({ kind: 'update', round: 1, model: 'a' }, 'train', never);
  desk.receive(update(undefined, 1));
  expect(await again).toMatchObject({ sampleCount: 1 });
  await giveUp(desk, 2, 'b');
  const next = desk.ask({ kind: 'update', round: 3, model: 'c' }, 'train', never);
  desk.receive(update(3, 7));
  expect(await next).toMatchObject({ sampleCount: 7 });
});

it.each([
  ['no JSON', 'hello', 'is no JSON object'],
  ['a list', '[4]', 'is no JSON object'],
  [
    'a type of many lists in one another',
    `{"msg_type": ${'['.repeat(10_000)}${']'.repeat(10_000)}}`,
    'has msg_type [[["[…]"]]]',
  ],
  ['an unknown type', '{"msg_type": 9}', 'has msg_type 9; devices send 4 and 6'],
  ['no samples', '{"msg_type": 4, "model_params": {}}', 'has num_samples undefined'],
  ['half a sample', '{"msg_type": 4, "model_params": {}, "num_samples": 1.5}', 'must be a whole number of at least 1'],
  ['no results', '{"msg_type": 6, "num_samples": 1, "test_result": "x"}', 'has a test_result that is no object'],
])('%s fails what was asked, and says why', async (_what, text, why) => {
  const { desk } = deskWith();
  const asking = desk.ask({ kind: 'update', round: 1, model: 'a' }, 'train', never);
  desk.receive(text);
  await expect(asking).rejects.toMatchObject({ code: 'device.message', message: expect.stringContaining(why) });
});
