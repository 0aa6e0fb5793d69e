import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FedloomError } from '../errors.js';
import { Graph } from '../graph/graph.js';
import { toOnnx } from '../onnx/serialize.js';
import { decodePlan, encodePlan } from './encode.js';
import { defaultPlanLimits } from './limits.js';
import type { GraphPort, GraphSpec, PlanManifest } from './manifest.js';

const weight = { name: '0.weight', dtype: 'float32', shape: [3, 4] } as const;
const parameterIn: GraphPort = { port: 'parameter/0.weight', source: 'parameter', ...weight };
const order: GraphPort = { port: 'order', source: 'order', name: '', dtype: 'int64', shape: ['steps', 'batch'] };
const lossValues: GraphPort = {
  port: 'new/sampleMetric/loss',
  source: 'sampleMetric',
  name: 'loss',
  dtype: 'float32',
  shape: ['steps', 'batch'],
};

const manifest: PlanManifest = {
  format: 1,
  name: 'tiny',
  parameters: [{ ...weight, role: 'trained', scope: 'shared', fold: 'mean' }],
  data: {
    x: { dtype: 'uint8', shape: [4], scale: 0.5 },
    y: { dtype: 'int32', shape: [], classes: 3 },
    encoding: 'sha256:ab',
  },
  training: { localEpochs: 1, batchSize: 'all', shuffle: true },
  evaluation: { batchSize: 32 },
  metrics: [{ name: 'loss', rule: 'mean' }],
  scalars: { learningRate: 0.1 },
  algorithm: { name: 'fedAvg', broadcast: [], state: [], upload: ['d'] },
  graphs: {
    train: {
      inputs: [parameterIn, order],
      outputs: [
        { ...parameterIn, port: 'new/parameter/0.weight' },
        { port: 'new/sampleLoss', source: 'sampleLoss', name: '', dtype: 'float32', shape: ['steps', 'batch'] },
      ],
    },
    evaluate: { inputs: [parameterIn, order], outputs: [lossValues] },
    finish: {
      inputs: [parameterIn],
      outputs: [{ port: 'new/upload/d/0.weight', source: 'upload', slot: 'd', ...weight }],
    },
  },
  sampleFlops: 24,
};
/** The smallest graphs of these ports. */
function graphOf({ inputs, outputs }: GraphSpec): Uint8Array {
  const g = new Graph();
  const values = new Map(inputs.map(({ port, dtype, shape }) => [port, g.input(port, dtype, shape)]));
  for (const { port, source } of outputs) {
    const from = values.get(source === 'parameter' || source === 'upload' ? parameterIn.port : order.port);
    if (from !== undefined) g.output(port, g.cast(from, 'float32'));
  }
  return toOnnx(g);
}
const { train, evaluate, finish } = manifest.graphs;
const parts = {
  manifest,
  train: graphOf(train),
  evaluate: graphOf(evaluate),
  ...(finish && { finish: graphOf(finish) }),
};
const file = encodePlan(parts);
const graphBytes = [parts.train, parts.evaluate, parts.finish].reduce((sum, graph) => sum + (graph?.length ?? 0), 0);

/** The manifest with one field set, as JSON says it, encoded without any check. */
function fileWith(path: readonly (string | number)[], value: unknown): Uint8Array {
  const copy: unknown = structuredClone(manifest);
  const owner = path.slice(0, -1).reduce<unknown>((node, key) => Reflect.get(node as object, key), copy);
  Reflect.set(owner as object, path.at(-1)!, value);
  return fileOf(JSON.stringify(copy));
}

function fileOf(json: string): Uint8Array {
  const text = new TextEncoder().encode(json);
  const bytes = new Uint8Array(28 + text.length + graphBytes);
  bytes.set(file.subarray(0, 28));
  new DataView(bytes.buffer).setUint32(8, text.length, true);
  bytes.set(text, 28);
  return bytes;
}

test('a plan comes back as it was, its graphs as views', () => {
  const plan = decodePlan(file);
  expect(plan.manifest).toEqual(manifest);
  expect([plan.train, plan.evaluate, plan.finish]).toEqual([parts.train, parts.evaluate, parts.finish]);
  expect(plan.train.buffer).toBe(file.buffer);
  expect(encodePlan(plan)).toEqual(file);
});

test('the bytes do not depend on the order of fields', () => {
  const reversed = Object.fromEntries(Object.entries(manifest).reverse()) as unknown as PlanManifest;
  expect(encodePlan({ ...parts, manifest: reversed })).toEqual(file);
});

test('works on a view that does not start at its buffer’s beginning', () => {
  const buffer = new Uint8Array(file.length + 5);
  buffer.set(file, 5);
  expect(decodePlan(buffer.subarray(5)).manifest).toEqual(manifest);
});

test.each([
  ['an unknown format', ['format'], 2],
  ['an unknown field', ['surprise'], 1],
  ['a missing field', ['training', 'shuffle'], undefined],
  ['a fractional epoch', ['training', 'localEpochs'], 1.5],
  ['a batch of nothing', ['training', 'batchSize'], 0],
  ['a name that every object has', ['parameters', 0, 'name'], '__proto__'],
  ['a name that climbs', ['parameters', 0, 'name'], '../0.weight'],
  ['an extent of 0', ['parameters', 0, 'shape'], [3, 0]],
  ['a port of another shape', ['graphs', 'train', 'inputs', 0, 'shape'], [4, 3]],
  ['a port of another name', ['graphs', 'train', 'inputs', 0, 'port'], 'parameter/0.bias'],
  ['a parameter that is not trained but comes out', ['parameters', 0, 'role'], 'frozen'],
  ['a port that belongs elsewhere', ['graphs', 'evaluate', 'inputs', 0, 'source'], 'global'],
  ['a promised upload that is not made', ['graphs', 'finish', 'outputs'], []],
  ['no learning rate', ['scalars'], {}],
  ['a scalar that is no number', ['scalars', 'learningRate'], '0.1'],
  ['metrics without the loss', ['metrics'], []],
  ['a shape without a size', ['metrics'], [{ name: 'loss', rule: 'mean', shape: [2] }]],
  ['a shape of another size', ['metrics'], [{ name: 'loss', rule: 'mean', size: 4, shape: [2, 3] }]],
  ['a shape that is none', ['metrics'], [{ name: 'loss', rule: 'mean', size: 4, shape: [4, 0.5] }]],
  ['classes of numbers', ['data', 'y', 'dtype'], 'float32'],
  ['an encoding that is no text', ['data', 'encoding'], 3],
] as const)('refuses %s', (_, path, value) => {
  expect(() => decodePlan(fileWith(path, value))).toThrow(expect.objectContaining({ code: 'plan.format' }));
});

test.each([
  ['too long a name', ['name'], 'n'.repeat(300)],
  ['too many elements', ['parameters', 0, 'shape'], [65536, 65536]],
  ['too many dimensions', ['parameters', 0, 'shape'], [1, 1, 1, 1, 1, 1, 1, 1, 1]],
  ['too many metrics', ['metrics'], Array.from({ length: 1000 }, () => ({ name: 'loss', rule: 'mean' }))],
] as const)('refuses %s', (_, path, value) => {
  expect(() => decodePlan(fileWith(path, value))).toThrow(expect.objectContaining({ code: 'plan.limit' }));
});

test('refuses files over the limit, of another version, of another kind, with a tail', () => {
  const changed = (offset: number, byte: number) => file.map((old, index) => (index === offset ? byte : old));
  const small = { ...defaultPlanLimits, planBytesMax: 100 };
  expect(() => decodePlan(file, small)).toThrow(expect.objectContaining({ code: 'plan.limit' }));
  expect(() => decodePlan(changed(7, 1))).toThrow(expect.objectContaining({ code: 'plan.version' }));
  expect(() => decodePlan(changed(0, 0))).toThrow(expect.objectContaining({ code: 'plan.format' }));
  expect(() => decodePlan(Uint8Array.of(...file, 0))).toThrow(/follow its last section/);
});

test('a field named __proto__ changes nothing and is refused', () => {
  const json = JSON.stringify(manifest).replace('"scalars":{', '"scalars":{"__proto__":1,');
  expect(() => decodePlan(fileOf(json))).toThrow(expect.objectContaining({ code: 'plan.format' }));
});

/** Only a FedloomError may come out of bytes from outside. */
function expectRefusal(bytes: Uint8Array): void {
  try {
    decodePlan(bytes);
  } catch (error) {
    if (!(error instanceof FedloomError)) throw error;
    expect(error.code).toMatch(/^plan\.(format|limit|version|graph)$/);
    return;
  }
  expect.unreachable('the damaged plan was accepted');
}

test('random bytes and truncations are refused by name', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), expectRefusal), { numRuns: 300 });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (tail) =>
      expectRefusal(Uint8Array.from([...file.subarray(0, 28), ...tail])),
    ),
    { numRuns: 300 },
  );
  for (let length = 0; length < file.length; length++) expectRefusal(file.subarray(0, length));
});

test('flipped bits are refused by name or leave a plan that is checked through', () => {
  fc.assert(
    fc.property(fc.nat(file.length - 1), fc.nat(7), (offset, bit) => {
      const bytes = file.slice();
      bytes[offset]! ^= 1 << bit;
      try {
        const plan = decodePlan(bytes);
        expect(encodePlan(plan).length).toBeGreaterThan(0);
      } catch (error) {
        if (!(error instanceof FedloomError)) throw error;
      }
    }),
    { numRuns: 1500 },
  );
});

test('any JSON in any place is refused by name or accepted', () => {
  const places = [
    ['name'],
    ['parameters'],
    ['data', 'x'],
    ['training', 'batchSize'],
    ['metrics'],
    ['scalars'],
    ['algorithm', 'state'],
    ['graphs', 'train', 'inputs'],
    ['sampleFlops'],
  ];
  fc.assert(
    fc.property(fc.constantFrom(...places), fc.jsonValue(), (path, value) => {
      try {
        decodePlan(fileWith(path, value));
      } catch (error) {
        if (!(error instanceof FedloomError)) throw error;
      }
    }),
    { numRuns: 500 },
  );
});
