import type { NamedTensors, Tensor } from '@fedloom/engine';
import { describe, expect, test } from 'vitest';
import type { PayloadSpec, Stage } from '../update/stage-contract.js';
import { defineStage } from '../update/stages/define-stage.js';
import { stageSuite } from './stage-suite.js';
import { describeSuite } from './testing/describe-suite.js';
import { failures } from './testing/failures.js';
import { dither, nonzeros } from './testing/sample-stages.js';

describeSuite('a stage of others whose payload has no size of its own', stageSuite(nonzeros));
describeSuite('a stage of others that draws', stageSuite(dither));

/** A stage that passes everything on, with something that is not quite right. */
function flawed(flaw: Partial<Stage>): Stage {
  return { name: 'acme/flawed', options: {}, client: (tensors) => ({ tensors }), ...flaw };
}

/** The float32 tensors, or only those that are trained, changed element by element, in memory of their own. */
function mapped(
  tensors: NamedTensors,
  change: (value: number) => number,
  trained?: readonly PayloadSpec[],
): NamedTensors {
  const chosen = trained?.filter((spec) => spec.trained === true).map(({ name }) => name) ?? [...tensors.keys()];
  const entries = [...tensors].map(([name, tensor]): [string, Tensor] => {
    if (!chosen.includes(name) || !(tensor.data instanceof Float32Array)) return [name, tensor];
    return [name, { ...tensor, data: tensor.data.map(change) }];
  });
  return new Map(entries);
}

let instances = 0;

describe('the suite of stages finds', () => {
  test('nothing in a sound one', async () => {
    expect(await failures(stageSuite(() => flawed({})))).toBe('');
  });

  test.each<[string, () => Stage, RegExp]>([
    [
      'options that JSON does not hold',
      () => flawed({ options: { rate: -0 } }),
      /^is well defined.*\.rate is 0; it must be -0/m,
    ],
    [
      'a name that no stage may have',
      () => flawed({ name: 'Flawed Stage' }),
      /^is well defined.*defineStage fails with FedloomError: .*camel case/m,
    ],
    [
      'settings that another instance does not have',
      () => flawed({ options: { instance: instances++ } }),
      /^is well defined.*the stage made again\.options\.instance is/m,
    ],
    [
      'an input that is changed in place',
      () =>
        flawed({
          client: (tensors) => {
            for (const { data } of tensors.values()) if (data instanceof Float32Array) data.fill(1);
            return { tensors };
          },
        }),
      /^with float32 alone: changes none.*what the client half was given, after it ran,\.tensors\["0\.bias"\]\.data\[0\] is 1/m,
    ],
    [
      'a payload that the server half changes in place',
      () =>
        flawed({
          server: (payload) => {
            for (const { data } of payload.values()) if (data instanceof Float64Array) data.reverse();
            return payload;
          },
        }),
      /^with floats of all kinds: changes none.*the payload after the server half ran\["b"\]\.data\[0\] is/m,
    ],
    [
      'state that is kept between calls',
      () => {
        let calls = 0;
        return flawed({
          client: (tensors, { input }) => ({ tensors: mapped(tensors, (value) => value + calls++, input) }),
        });
      },
      /^with float32 alone: keeps nothing between calls.*after it served others: update\[0\]\.sent\.tensors\["0\.bias"\]/m,
    ],
    [
      'memory that the next call uses again',
      () => {
        const common = new Float32Array(2);
        return flawed({
          client: (tensors) => {
            const bias = tensors.get('0.bias');
            if (bias === undefined) return { tensors };
            common.set(bias.data as Float32Array);
            return { tensors: new Map(tensors).set('0.bias', { ...bias, data: common }) };
          },
        });
      },
      /^with float32 alone: gives memory.*after another: \.sent\.tensors\["0\.bias"\]\.data\[0\] is/m,
    ],
    [
      'chance of its own',
      () =>
        flawed({
          client: (tensors, { input }) => ({ tensors: mapped(tensors, (value) => value + Math.random(), input) }),
        }),
      /^with float32 alone: is deterministic.*update\[0\]\.sent\.tensors\["0\.bias"\]\.data\[0\] is/m,
    ],
    [
      'a payload that was not declared',
      () => flawed({ client: (tensors) => ({ tensors: new Map([...tensors].slice(1)) }) }),
      /^with float32 alone: makes what it declares.*lacks tensor "0\.bias"/m,
    ],
    [
      'buffers that it changes',
      () => flawed({ server: (payload) => mapped(payload, (value) => value / 2) }),
      /^with float32 alone: leaves buffers, uploads and integers.*buffer "1\.mean" after its way\.data\[0\] is/m,
    ],
    [
      'names as they come',
      () => flawed({ client: (tensors) => ({ tensors: new Map([...tensors].reverse()) }) }),
      /^with floats of all kinds: makes what it declares.*the order of the payload is \["e\.top"/m,
    ],
    [
      'state that is read by who wrote it only',
      () => {
        const written = new WeakSet<object>();
        return flawed({
          client: (tensors, { state }) => {
            const count = state.get('count');
            const known = count !== undefined && written.has(count.data);
            const data = Int32Array.of(known ? (count.data[0] as number) + 1 : 0);
            written.add(data);
            return { tensors, state: new Map([['count', { dtype: 'int32', shape: [1], data }]]) };
          },
        });
      },
      /^with float32 alone: has private state that can be stored.*update\[1\]\.sent\.state\["stage:acme\/flawed\/count"\]\.data\[0\] is 0; it must be 1/m,
    ],
  ])('%s', async (_flaw, make, said) => {
    expect(await failures(stageSuite(make))).toMatch(said);
  });
});

test('a stage that only defineStage has seen passes as well', async () => {
  expect(await failures(stageSuite(() => defineStage(flawed({}))))).toBe('');
});
