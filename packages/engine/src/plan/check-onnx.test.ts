import fc from 'fast-check';
import { PbfWriter } from 'pbf';
import { expect, test } from 'vitest';
import { FedloomError } from '../errors.js';
import { averagingRecipe, cnnRecipe, controlVariateTerms, mlpRecipe, textRecipe } from '../testing/recipes.js';
import { checkOnnx, readGraph } from './check-onnx.js';
import { compilePlan } from './compile.js';
import { decodePlan, encodePlan } from './encode.js';
import type { GraphPort, GraphSpec } from './manifest.js';
import { concatenated, lengthDelimited, varintField, wireFields } from './protobuf-fields.js';

const plan = compilePlan(cnnRecipe({ terms: controlVariateTerms }));
const { graphs } = plan.manifest;

type Write = (pbf: PbfWriter) => void;
const nested =
  (number: number, ...parts: readonly Write[]): Write =>
  (pbf) =>
    pbf.writeMessage(
      number,
      (_, inner) => {
        for (const part of parts) part(inner);
      },
      null,
    );
const string =
  (number: number, text: string): Write =>
  (pbf) =>
    pbf.writeStringField(number, text);
const integer =
  (number: number, value: number): Write =>
  (pbf) =>
    pbf.writeVarintField(number, value);

const version = nested(8, integer(2, 21));
function written(...parts: readonly Write[]): Uint8Array {
  const pbf = new PbfWriter();
  for (const part of parts) part(pbf);
  return pbf.finish();
}
/** Of the operators' version, with these parts. */
const model = (...parts: readonly Write[]) => written(version, ...parts);
const graph = (...parts: readonly Write[]) => nested(7, ...parts);
const node = (...parts: readonly Write[]) => nested(1, ...parts);
const attribute = (...parts: readonly Write[]) => nested(5, ...parts);
const secret = nested(13, string(1, 'location'), string(2, 'secrets.txt'));
const loop = (...body: readonly Write[]) =>
  node(string(4, 'Loop'), attribute(string(1, 'body'), nested(6, ...body), integer(20, 5)));

const refused = (bytes: Uint8Array) => () => readGraph('train', bytes);

test('compiled graphs pass', () => {
  for (const recipe of [mlpRecipe(), cnnRecipe({ terms: controlVariateTerms }), textRecipe(), averagingRecipe()]) {
    const { manifest, train, evaluate, finish } = compilePlan(recipe);
    expect(() => checkOnnx('train', train, manifest.graphs.train)).not.toThrow();
    expect(() => checkOnnx('evaluate', evaluate, manifest.graphs.evaluate)).not.toThrow();
    if (finish !== undefined && manifest.graphs.finish !== undefined)
      expect(() => checkOnnx('finish', finish, manifest.graphs.finish as GraphSpec)).not.toThrow();
  }
});

test('a constant that stands in a file is refused, wherever it is', () => {
  for (const place of [graph(nested(5, secret)), graph(loop(nested(5, secret)))]) {
    expect(refused(model(place))).toThrow(/a constant has the field 13/);
  }
  expect(refused(model(graph(nested(5, integer(14, 1)))))).toThrow(/a constant has the field 14/);
  expect(refused(model(graph(node(string(4, 'Add'), attribute(nested(5, secret))))))).toThrow(
    /an attribute has the field 5/,
  );
});

test('a decoded plan has been checked', () => {
  const hostile = encodePlan({ ...plan, finish: model(graph(nested(5, secret))) });
  expect(() => decodePlan(hostile)).toThrow(
    expect.objectContaining({ code: 'plan.graph', fields: { graph: 'finish' } }),
  );
});

test.each<[string, Write, RegExp]>([
  ['of another domain', graph(node(string(4, 'Gemm'), string(7, 'com.microsoft'))), /'com.microsoft'/],
  [
    'that no plan has',
    graph(node(string(4, 'ConstantOfShape'))),
    /operator 'ConstantOfShape', which no compiled plan has/,
  ],
  ['that no plan has, in a loop', graph(loop(node(string(4, 'RandomNormal')))), /operator 'RandomNormal'/],
  [
    'with an attribute that no plan has',
    graph(node(string(4, 'Conv'), attribute(string(1, 'auto_pad')))),
    /'auto_pad'/,
  ],
  [
    'with an attribute twice',
    graph(node(string(4, 'Concat'), ...[0, 1].map(() => attribute(string(1, 'axis'))))),
    /twice/,
  ],
])('an operator %s is refused', (_, part, text) => {
  expect(refused(model(part))).toThrow(text);
});

test.each<[string, Write, RegExp]>([
  ['operators of two versions', nested(8, string(1, 'evil.ops')), /'evil.ops'/],
  ['operators of another version', nested(8, integer(2, 22)), /operators are of version 21, 22/],
  ['functions', nested(25, string(1, 'f')), /the model has the field 25/],
  ['metadata', nested(14, string(1, 'k')), /the model has the field 14/],
  ['sparse constants', graph(nested(15)), /a graph has the field 15/],
  ['a second graph, which some would merge', graph(), /the model has the field 7 twice/],
  [
    'a constant whose bytes are not there',
    graph(nested(5, integer(1, 2 ** 30), integer(2, 1), nested(9))),
    /0 bytes in place of/,
  ],
])('%s are refused', (what, part, text) => {
  const bytes = /second/.test(what) ? model(graph(), part) : model(part);
  expect(refused(bytes)).toThrow(text);
});

test('a graph must have the inputs and outputs of the manifest, of their types and shapes', () => {
  const { train } = graphs;
  const check = (spec: Partial<GraphSpec>) => () => checkOnnx('train', plan.train, { ...train, ...spec });
  expect(check({ inputs: train.inputs.slice(1) })).toThrow(/has the input '\S+', which the manifest does not/);
  const extra: GraphPort = { port: 'new/x', source: 'x', name: '', dtype: 'float32', shape: [] };
  expect(check({ outputs: [...train.outputs, extra] })).toThrow(/lacks the output new\/x of the manifest/);
  const [first, ...rest] = train.outputs as [GraphPort, ...GraphPort[]];
  expect(check({ outputs: [{ ...first, dtype: 'float64' }, ...rest] })).toThrow(/is float32 \[.*\], and float64 \[/);
  expect(check({ outputs: [{ ...first, shape: [7, ...first.shape] }, ...rest] })).toThrow(/in the manifest/);
});

test('graphs nested without end are refused before the stack is', () => {
  let inner: Write = () => {};
  for (let depth = 0; depth < 20; depth++) inner = loop(inner);
  expect(refused(model(graph(inner)))).toThrow(/nested more than 8 deep/);
});

test('reads fields of every wire type', () => {
  const bytes = written(
    (pbf) => pbf.writeVarintField(1, 300),
    (pbf) => pbf.writeFloatField(2, 1),
    (pbf) => pbf.writeDoubleField(3, 1),
    string(400, 'ab'),
  );
  const fields = [...wireFields(bytes)];
  expect(fields.map(({ number }) => number)).toEqual([1, 2, 3, 400]);
  expect(fields.map(({ bytes: content }) => content)).toEqual([undefined, undefined, undefined, Uint8Array.of(97, 98)]);
  expect(concatenated(fields.map(({ raw }) => raw))).toEqual(bytes);
});

test('writes fields as protobuf does', () => {
  for (const value of [0, 1, 127, 128, 300, 2 ** 31]) {
    const pbf = new PbfWriter();
    pbf.writeVarintField(3, value);
    expect(varintField(3, value)).toEqual(pbf.finish());
  }
  for (const length of [0, 1, 127, 128, 20_000]) {
    const content = Uint8Array.from({ length }, (_, i) => i % 256);
    const pbf = new PbfWriter();
    pbf.writeBytesField(17, content);
    expect(lengthDelimited(17, content.subarray(0, 100), content.subarray(100))).toEqual(pbf.finish());
  }
  expect(new TextDecoder().decode(lengthDelimited(1, 'ä').subarray(2))).toBe('ä');
});

test.each([
  ['a group', [0x0b, 0x0c]],
  ['field 0', [0x00, 0x00]],
  ['a length beyond the end', [0x3a, 5, 0]],
  ['an endless number', new Array(12).fill(0xff)],
  ['half a number', [0x08, 0x80]],
  ['half a double', [0x09, 1, 2]],
])('refuses %s', (_, bytes) => {
  expect(() => [...wireFields(Uint8Array.from(bytes))]).toThrow(RangeError);
});

test('random bytes, truncations and flipped bits: a FedloomError or nothing', () => {
  const check = (bytes: Uint8Array) => {
    try {
      checkOnnx('train', bytes, graphs.train);
    } catch (error) {
      if (!(error instanceof FedloomError)) throw error;
    }
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), check), { numRuns: 300 });
  fc.assert(
    fc.property(fc.nat(plan.train.length - 1), (length) => check(plan.train.subarray(0, length))),
    { numRuns: 100 },
  );
  fc.assert(
    fc.property(fc.nat(plan.train.length - 1), fc.nat(7), (offset, bit) => {
      const bytes = plan.train.slice();
      bytes[offset]! ^= 1 << bit;
      check(bytes);
    }),
    { numRuns: 300 },
  );
});
