import fc from 'fast-check';
import { PbfWriter } from 'pbf';
import { expect, test } from 'vitest';
import { FedloomError } from '../errors.js';
import { cnnRecipe, controlVariateTerms } from '../testing/recipes.js';
import { checkOnnx } from './check-onnx.js';
import { compilePlan } from './compile.js';
import { decodePlan, encodePlan } from './encode.js';
import { concatenated, lengthDelimited, varintField, wireFields } from './protobuf-fields.js';

const plan = compilePlan(cnnRecipe({ terms: controlVariateTerms }));

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

function model(...parts: readonly Write[]): Uint8Array {
  const pbf = new PbfWriter();
  for (const part of parts) part(pbf);
  return pbf.finish();
}
const graph = (...parts: readonly Write[]) => nested(7, ...parts);
const node = (...parts: readonly Write[]) => nested(1, ...parts);
const attribute = (...parts: readonly Write[]) => nested(5, ...parts);
const secret = nested(13, string(1, 'location'), string(2, 'secrets.txt'));

const refused = (bytes: Uint8Array) => () => checkOnnx('train', bytes);

test('compiled graphs pass', () => {
  for (const graph of [plan.train, plan.evaluate, plan.finish!]) expect(() => checkOnnx('train', graph)).not.toThrow();
});

test('a constant that stands in a file is refused, wherever it is', () => {
  const places = [
    graph(nested(5, secret)),
    graph(node(attribute(nested(5, secret)))),
    graph(node(attribute(nested(10, secret)))),
    graph(node(attribute(nested(6, nested(5, secret))))),
    graph(node(attribute(nested(11, node(attribute(nested(5, secret))))))),
  ];
  for (const place of places) expect(refused(model(place))).toThrow(/a constant has the field 13/);
  const location: Write = (pbf) => pbf.writeVarintField(14, 1);
  expect(refused(model(graph(nested(5, location))))).toThrow(/a constant has the field 14/);
});

test('a decoded plan has been checked', () => {
  const hostile = encodePlan({ ...plan, finish: model(graph(nested(5, secret))) });
  expect(() => decodePlan(hostile)).toThrow(
    expect.objectContaining({ code: 'plan.graph', fields: { graph: 'finish' } }),
  );
});

test('operators of other domains, functions and metadata are refused', () => {
  expect(refused(model(graph(node(string(4, 'Gemm'), string(7, 'com.microsoft')))))).toThrow(/'com.microsoft'/);
  expect(refused(model(nested(8, string(1, 'evil.ops'))))).toThrow(/'evil.ops'/);
  expect(refused(model(graph(node(string(4, 'Gemm'), string(7, 'ai.onnx')))))).not.toThrow();
  expect(refused(model(nested(25, string(1, 'f'))))).toThrow(/the model has the field 25/);
  expect(refused(model(nested(14, string(1, 'k'))))).toThrow(/the model has the field 14/);
  expect(refused(model(graph(nested(15))))).toThrow(/a graph has the field 15/);
});

test('graphs nested without end are refused before the stack is', () => {
  let inner: Write = () => {};
  for (let depth = 0; depth < 20; depth++) {
    const deeper = inner;
    inner = node(attribute(nested(6, deeper)));
  }
  expect(refused(model(graph(inner)))).toThrow(/nested more than 8 deep/);
});

test('reads fields of every wire type', () => {
  const bytes = model(
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
      checkOnnx('train', bytes);
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
