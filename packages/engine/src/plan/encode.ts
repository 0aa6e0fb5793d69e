import { FedloomError } from '../errors.js';
import { elementCount, type NamedTensors, type Tensor } from '../tensor.js';
import { checkManifest } from './check-manifest.js';
import { checkOnnx } from './check-onnx.js';
import { overLimit } from './json-checks.js';
import { defaultPlanLimits, type PlanLimits } from './limits.js';
import type { PlanManifest, TrainingPlan } from './manifest.js';
import { parseManifest } from './parse-manifest.js';

/*
 * The file of a plan, all numbers little-endian:
 *
 *   0   8 bytes  'FEDLOOM' and the version of this layout, 2
 *   8   uint32   length of the manifest
 *   12  uint32   length of the train graph
 *   16  uint32   length of the evaluate graph
 *   20  uint32   length of the finish graph, 0 where there is none
 *   24  uint32   length of the private parameters' start values, 0 where there are none
 *   28  the manifest as JSON in UTF-8; the train, evaluate and finish graphs as ONNX; the start values as float32, one
 *       parameter behind the other, ascending by name; nothing after them
 */
const magic = Uint8Array.of(0x46, 0x45, 0x44, 0x4c, 0x4f, 0x4f, 0x4d, 2);
const headerBytes = 28;

export interface PlanParts {
  readonly manifest: PlanManifest;
  readonly train: Uint8Array;
  readonly evaluate: Uint8Array;
  readonly finish?: Uint8Array;
  readonly privateStart?: NamedTensors;
}

/** A plan as one portable file: equal parts give equal bytes. */
export function encodePlan(parts: PlanParts): Uint8Array {
  const { manifest, train, evaluate, finish, privateStart = new Map() } = parts;
  // Read back, so that the bytes do not depend on the order in which an object got its fields.
  const canonical = parseManifest(JSON.parse(JSON.stringify(manifest)), defaultPlanLimits);
  const json = new TextEncoder().encode(JSON.stringify(canonical));
  const sections = [json, train, evaluate, finish ?? new Uint8Array(0), encodeStart(canonical, privateStart)];
  const bytes = new Uint8Array(headerBytes + sections.reduce((total, { length }) => total + length, 0));
  const view = new DataView(bytes.buffer);
  bytes.set(magic);
  let offset = headerBytes;
  for (const [index, section] of sections.entries()) {
    view.setUint32(magic.length + 4 * index, section.length, true);
    bytes.set(section, offset);
    offset += section.length;
  }
  return bytes;
}

/**
 * Reads a plan that may come from anywhere. The result's graphs are views of `bytes`, which must not change afterwards;
 * they use standard operators only and refer to no files. Whether they compute what the manifest says shows when they
 * are loaded and run.
 *
 * @throws FedloomError `plan.format`, `plan.version`, `plan.limit`, `plan.graph`.
 */
export function decodePlan(bytes: Uint8Array, limits: PlanLimits = defaultPlanLimits): TrainingPlan {
  const [json, train, evaluate, finish, start] = splitSections(bytes, limits);
  const manifest = parseManifest(parseJson(json), limits);
  checkManifest(manifest);
  if ((manifest.graphs.finish !== undefined) !== finish.length > 0) {
    throw damaged('the manifest and the file disagree about a finish graph');
  }
  const { graphs } = manifest;
  checkOnnx('train', train, graphs.train);
  checkOnnx('evaluate', evaluate, graphs.evaluate);
  if (graphs.finish !== undefined) checkOnnx('finish', finish, graphs.finish);
  const privateStart = decodeStart(manifest, start);
  return {
    manifest,
    train,
    evaluate,
    ...(finish.length > 0 && { finish }),
    ...(privateStart.size > 0 && { privateStart }),
    bytes,
  };
}

function encodeStart(manifest: PlanManifest, start: NamedTensors): Uint8Array {
  const values = privateOf(manifest).flatMap(({ name }) => [...((start.get(name)?.data as Float32Array) ?? [])]);
  return new Uint8Array(Float32Array.from(values).buffer);
}

function decodeStart(manifest: PlanManifest, bytes: Uint8Array): Map<string, Tensor> {
  const specs = privateOf(manifest);
  const elements = specs.reduce((sum, { shape }) => sum + elementCount(shape), 0);
  if (bytes.length !== 4 * elements) {
    throw damaged(`its private parameters have ${elements} elements, and ${bytes.length} bytes of start values`);
  }
  // A copy, since the section may begin anywhere; not by `slice`, which for a Buffer is a view.
  const values = new Float32Array(Uint8Array.from(bytes).buffer);
  let at = 0;
  return new Map(
    specs.map(({ name, shape }): [string, Tensor] => {
      const data = values.slice(at, at + elementCount(shape));
      at += data.length;
      return [name, { dtype: 'float32', shape, data }];
    }),
  );
}

function privateOf({ parameters }: PlanManifest) {
  return parameters.filter(({ scope }) => scope === 'private');
}

type Sections = readonly [
  manifest: Uint8Array,
  train: Uint8Array,
  evaluate: Uint8Array,
  finish: Uint8Array,
  privateStart: Uint8Array,
];

function splitSections(bytes: Uint8Array, limits: PlanLimits): Sections {
  if (bytes.length > limits.planBytesMax) throw overLimit('the file', bytes.length, limits.planBytesMax, 'bytes');
  if (bytes.length < headerBytes) throw damaged(`it has ${bytes.length} bytes, fewer than its header`);
  const version = bytes[magic.length - 1]!;
  if (magic.subarray(0, -1).some((byte, index) => byte !== bytes[index]))
    throw damaged("it does not begin with 'FEDLOOM'");
  if (version !== 2) {
    throw new FedloomError(
      'plan.version',
      `The training plan has file version ${version}; this fedloom reads version 2. Bring both sides to one version.`,
      { version },
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = headerBytes;
  const next = (index: number): Uint8Array => {
    const length = view.getUint32(magic.length + 4 * index, true);
    if (length > bytes.length - offset) throw damaged(`section ${index} goes beyond its end`);
    offset += length;
    return bytes.subarray(offset - length, offset);
  };
  const sections: Sections = [next(0), next(1), next(2), next(3), next(4)];
  if (offset !== bytes.length) throw damaged(`${bytes.length - offset} bytes follow its last section`);
  if (sections[0].length > limits.manifestBytesMax) {
    throw overLimit('the manifest', sections[0].length, limits.manifestBytesMax, 'bytes');
  }
  return sections;
}

function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw damaged('its manifest is not JSON in UTF-8', cause);
  }
}

function damaged(what: string, cause?: unknown): FedloomError {
  return new FedloomError(
    'plan.format',
    `This is not a whole training plan: ${what}. Fetch it again.`,
    { what },
    cause === undefined ? {} : { cause },
  );
}
