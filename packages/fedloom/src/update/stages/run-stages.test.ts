import type { NamedTensors, Tensor } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { RandomStream } from '../../core/random.js';
import type { ClientStageContext, ServerStageContext, Stage } from '../stage-contract.js';
import type { UpdateSpec } from '../update.js';
import { type ClientStagesResult, runClientStages } from './client-stages.js';
import { defineStage } from './define-stage.js';
import { chainStages } from './payload-specs.js';
import { runServerStages } from './server-stages.js';

const specs: readonly UpdateSpec[] = [{ name: 'w', dtype: 'float64', shape: [1], fold: 'mean', kind: 'trained' }];
const scalar = (value: number): Tensor => ({ dtype: 'float64', shape: [1], data: Float64Array.of(value) });
const update = (value: number): NamedTensors => new Map([['w', scalar(value)]]);
const valueIn = (tensors: NamedTensors): number => Number(tensors.get('w')?.data[0]);
const random = (stage: string) => RandomStream.of(1, stage, 2);
const at = { client: 3, task: 4 };
const context = (state: NamedTensors = new Map()) => ({ ...at, state, random });

/** There and back: f and its inverse. */
const pair = (name: string, there: (x: number) => number, back: (x: number) => number, wait = false): Stage =>
  defineStage({
    name,
    options: {},
    client: (tensors) => later(wait, { tensors: update(there(valueIn(tensors))) }),
    server: (payload) => later(wait, update(back(valueIn(payload)))),
  });
const later = <T>(wait: boolean, value: T): T | Promise<T> => (wait ? Promise.resolve(value) : value);
const add = (wait = false) =>
  pair(
    'add',
    (x) => x + 3,
    (x) => x - 3,
    wait,
  );
const double = (wait = false) =>
  pair(
    'double',
    (x) => x * 2,
    (x) => x / 2,
    wait,
  );
const counting = defineStage({
  name: 'acme/counting',
  options: {},
  client: (tensors, { state }) => ({
    tensors,
    state: new Map([['count', scalar(Number(state.get('count')?.data[0] ?? 0) + 1)]]),
  }),
});

describe('runClientStages and runServerStages', () => {
  it('give the very tensors back without stages', () => {
    const tensors = update(1);
    const chain = chainStages([], specs);
    expect((runClientStages(chain, tensors, context()) as ClientStagesResult).tensors).toBe(tensors);
    expect(runServerStages(chain, tensors, at)).toBe(tensors);
  });

  it('run in their order, and back in reverse', () => {
    const chain = chainStages([add(), double()], specs);
    const { tensors } = runClientStages(chain, update(1), context()) as ClientStagesResult;
    expect(valueIn(tensors)).toBe(8);
    expect(valueIn(runServerStages(chain, tensors, at) as NamedTensors)).toBe(1);
  });

  it.each([
    [true, false],
    [false, true],
    [true, true],
  ])('wait for halves that are async (%s, %s)', async (first, second) => {
    const chain = chainStages([add(first), double(second)], specs);
    const sent = runClientStages(chain, update(1), context());
    expect(sent).toBeInstanceOf(Promise);
    const { tensors } = await sent;
    expect(valueIn(tensors)).toBe(8);
    const decoded = runServerStages(chain, tensors, at);
    expect(decoded).toBeInstanceOf(Promise);
    expect(valueIn(await decoded)).toBe(1);
  });

  it('pass over halves that are not there', () => {
    const chain = chainStages(
      [counting, defineStage({ name: 'seen', options: {}, server: (payload) => payload })],
      specs,
    );
    const { tensors } = runClientStages(chain, update(5), context()) as ClientStagesResult;
    expect(runServerStages(chain, tensors, at)).toBe(tensors);
  });

  it('give each half its own state, and what it is to know', () => {
    const contexts: ClientStageContext[] = [];
    const servers: ServerStageContext[] = [];
    const watching = defineStage({
      name: 'watching',
      options: {},
      client: (tensors, context) => {
        contexts.push(context);
        return { tensors, state: new Map([['mine/deep', scalar(9)]]) };
      },
      server: (payload, context) => {
        servers.push(context);
        return payload;
      },
    });
    const chain = chainStages([watching, counting], specs);
    const before = new Map([
      ['control/w', scalar(7)],
      ['stage:acme/counting/count', scalar(41)],
      ['stage:watching/mine/deep', scalar(8)],
      ['stage:watchingOthers/x', scalar(1)],
    ]);
    const { tensors, state } = runClientStages(chain, update(1), context(before)) as ClientStagesResult;
    expect(state).toEqual(
      new Map([
        ['stage:acme/counting/count', scalar(42)],
        ['stage:watching/mine/deep', scalar(9)],
      ]),
    );
    expect([...state.keys()]).toEqual([...state.keys()].sort());
    const input = [{ name: 'w', dtype: 'float64', shape: [1], trained: true }];
    expect(contexts).toMatchObject([{ ...at, specs, input, state: new Map([['mine/deep', scalar(8)]]) }]);
    expect(contexts[0]?.random.uint32()).toBe(random('watching').uint32());
    expect(runServerStages(chain, tensors, at)).toBe(tensors);
    expect(servers).toEqual([{ ...at, specs, input }]);
  });

  it('drop the state of a stage that keeps none', () => {
    const chain = chainStages([add()], specs);
    const before = new Map([['stage:add/x', scalar(1)]]);
    expect((runClientStages(chain, update(1), context(before)) as ClientStagesResult).state.size).toBe(0);
  });
});

describe('a stage that fails', () => {
  const cause = new Error('no luck');
  const failing = (wait: boolean): Stage => {
    const fail = () => {
      if (wait) return Promise.reject(cause);
      throw cause;
    };
    return { name: 'failing', options: {}, client: fail, server: fail };
  };

  it.each([false, true])('is named with client and cause (async: %s)', async (wait) => {
    const chain = chainStages([add(), failing(wait)], specs);
    const failed = expect.objectContaining({
      code: 'stage.failed',
      message: 'Stage "failing" failed on the update of client 3 for task 5: no luck',
      fields: { stage: 'failing', client: 3, task: 4 },
      cause,
    });
    await expect((async () => runClientStages(chain, update(1), context()))()).rejects.toEqual(failed);
    await expect((async () => runServerStages(chain, update(1), at))()).rejects.toEqual(failed);
  });

  it.each([false, true])('breaks its payload at either end (async: %s)', async (wait) => {
    const empty: NamedTensors = new Map();
    const chain = chainStages(
      [{ name: 'empty', options: {}, client: () => later(wait, { tensors: empty }), server: () => later(wait, empty) }],
      specs,
    );
    const broken = expect.objectContaining({
      code: 'stage.payload',
      fields: expect.objectContaining({ stage: 'empty' }),
    });
    await expect((async () => runClientStages(chain, update(1), context()))()).rejects.toEqual(broken);
    await expect((async () => runServerStages(chain, update(1), at))()).rejects.toEqual(broken);
  });

  it('refuses what a client sent before any half sees it', () => {
    const chain = chainStages([failing(false)], specs);
    expect(() => runServerStages(chain, new Map([['v', scalar(1)]]), at)).toThrow(/what it sent .* lacks tensor "w"/);
  });
});
