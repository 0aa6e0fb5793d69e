import { FedloomError, type NamedTensors, type Tensor } from '@fedloom/engine/base';
import { decodeHalves, encodeHalves } from '../../core/float16.js';
import { sortedTensors } from '../../core/params.js';
import type {
  ClientStageContext,
  ClientStageResult,
  PayloadSpec,
  ServerStageContext,
  Stage,
} from '../stage-contract.js';
import type { UpdateSpec } from '../update.js';
import { defineStage } from './define-stage.js';
import { allFinite, checkState, type Floats, floatsOf, notFinite, tensorOf } from './float-tensors.js';
import { largestPositions } from './largest-positions.js';
import { isTrainedDelta } from './payload-specs.js';
import { readStageOptions } from './stage-options.js';
import { elementsOf, type Part, partsOf, vectorOf } from './trained-vector.js';

const NAME = 'topK';
const INDICES = `${NAME}/indices`;
const VALUES = `${NAME}/values`;

export interface TopKOptions {
  /** Which part of all trained values a client sends: above 0, at most 1. */
  readonly fraction: number;
}

/**
 * Sends only the k = max(1, ceil(fraction * d)) largest of the d values of all trained float deltas, and keeps what it did not
 * send as private state, which it adds to its next delta: top-k with error feedback (Stich et al. 2018, arXiv 1809.07599,
 * Algorithm 1; Alistarh et al. 2018, arXiv 1809.10505). Buffers, uploads and integers travel whole.
 * @throws FedloomError `stage.option`
 */
export function topK(options: TopKOptions): Stage {
  const { fraction } = readStageOptions(NAME, { ...options }, { fraction: { above: 0, max: 1 } });
  return defineStage({
    name: NAME,
    options: { fraction },
    alters: true,
    payload: (input, specs) => {
      const vector = vectorOf(input);
      checkWhole(vector, specs);
      const k = countOf(fraction, elementsOf(vector));
      return [
        ...input.filter(({ trained }) => trained !== true),
        { name: INDICES, dtype: 'int32', shape: [k] },
        { name: VALUES, dtype: valueType(vector), shape: [k], trained: true },
      ];
    },
    client: (tensors, context) => select(tensors, context, fraction),
    server: scatter,
  });
}

/** The product is that of float64, rounded up. */
function countOf(fraction: number, elements: number): number {
  return Math.min(elements, Math.max(1, Math.ceil(fraction * elements)));
}

/** In which values travel; float16 does so as float32. */
function valueType(vector: readonly PayloadSpec[]): 'float32' | 'float64' {
  return vector.some(({ dtype }) => dtype === 'float64') ? 'float64' : 'float32';
}

/** What is kept of a tensor: what rounding to float16 takes away fits into float32. */
function residualSpec({ name, dtype, shape }: PayloadSpec): PayloadSpec {
  return { name, dtype: dtype === 'float64' ? 'float64' : 'float32', shape };
}

function select(tensors: NamedTensors, context: ClientStageContext, fraction: number): ClientStageResult {
  const { state, input, client } = context;
  const vector = vectorOf(input);
  checkState(state, vector.map(residualSpec), NAME, client);
  const dtype = valueType(vector);
  const newFloats = (length: number): Floats =>
    dtype === 'float64' ? new Float64Array(length) : new Float32Array(length);
  const sums = newFloats(elementsOf(vector));
  let start = 0;
  for (const { name, dtype: own } of vector) {
    const delta = floatsOf(tensorOf(tensors, name));
    const part = sums.subarray(start, start + delta.length);
    if (!addInto(part, delta, state.get(name), own !== 'float64')) throw notFinite(NAME, client, name);
    start += delta.length;
  }
  const positions = largestPositions(sums, countOf(fraction, sums.length));
  const values = newFloats(positions.length);
  const residuals = new Map<string, Tensor>();
  for (const part of partsOf(vector, positions)) {
    const sent = values.subarray(part.from, part.to);
    const residual = sums.slice(part.start, part.end);
    if (!take(residual, positions.subarray(part.from, part.to), part, sent))
      throw notFinite(NAME, client, part.spec.name);
    const spec = residualSpec(part.spec);
    const data = spec.dtype === 'float32' && residual instanceof Float64Array ? Float32Array.from(residual) : residual;
    residuals.set(spec.name, { dtype: spec.dtype, shape: spec.shape, data });
  }
  const shape = [positions.length];
  const others = [...tensors].filter(([name]) => !residuals.has(name));
  const payload = sortedTensors([
    ...others,
    [INDICES, { dtype: 'int32', shape, data: positions }],
    [VALUES, { dtype, shape, data: values }],
  ]);
  return { tensors: payload, state: residuals };
}

/** Writes delta + residual, rounded to float32 where the tensor is no float64. @returns whether all are finite */
function addInto(sums: Floats, delta: Floats, residual: Tensor | undefined, single: boolean): boolean {
  sums.set(delta);
  if (residual !== undefined) addResidual(sums, floatsOf(residual), single);
  return allFinite(sums);
}

function addResidual(sums: Floats, residual: Floats, single: boolean): void {
  if (single) for (let i = 0; i < sums.length; i++) sums[i] = Math.fround(sums[i]! + residual[i]!);
  else for (let i = 0; i < sums.length; i++) sums[i]! += residual[i]!;
}

/** Moves the chosen values of a tensor from its residual to what is sent. @returns whether all that is sent is finite */
function take(residual: Floats, positions: Int32Array, { spec, start }: Part, sent: Floats): boolean {
  for (let i = 0; i < sent.length; i++) sent[i] = residual[positions[i]! - start]!;
  // Rounded here, so that the server's rounding takes nothing away that the residual does not know of.
  if (spec.dtype === 'float16') sent.set(decodeHalves(encodeHalves(Float64Array.from(sent))));
  for (let i = 0; i < sent.length; i++) residual[positions[i]! - start]! -= sent[i]!;
  return spec.dtype !== 'float16' || allFinite(sent);
}

function scatter(payload: NamedTensors, { input, client }: ServerStageContext): NamedTensors {
  const vector = vectorOf(input);
  const positions = tensorOf(payload, INDICES).data as Int32Array;
  const values = floatsOf(tensorOf(payload, VALUES));
  checkPositions(positions, elementsOf(vector), client);
  const trained = partsOf(vector, positions).map((part): [string, Tensor] => {
    const { name, dtype, shape } = part.spec;
    const dense =
      dtype === 'float32' ? new Float32Array(part.end - part.start) : new Float64Array(part.end - part.start);
    for (let i = part.from; i < part.to; i++) dense[positions[i]! - part.start] = values[i]!;
    return [name, { dtype, shape, data: dtype === 'float16' ? encodeHalves(Float64Array.from(dense)) : dense }];
  });
  const others = [...payload].filter(([name]) => name !== INDICES && name !== VALUES);
  return sortedTensors([...others, ...trained]);
}

/** @throws FedloomError `stage.payload` */
function checkPositions(positions: Int32Array, elements: number, client: number): void {
  let previous = -1;
  for (let i = 0; i < positions.length; i++) {
    const position = positions[i]!;
    if (position > previous && position < elements) {
      previous = position;
      continue;
    }
    const message =
      `Client ${client}: what it sent for the server half of stage "${NAME}" holds ${position} behind ${previous} in tensor ` +
      `"${INDICES}" where ascending positions from 0 to ${elements - 1} are expected.`;
    const expected = `ascending, below ${elements}`;
    throw new FedloomError('stage.payload', message, {
      stage: NAME,
      client,
      tensor: INDICES,
      expected,
      found: position,
    });
  }
}

/** @throws FedloomError `stage.order` unless the vector is of the run's own trained tensors, all of them */
function checkWhole(vector: readonly PayloadSpec[], specs: readonly UpdateSpec[]): void {
  const trained = specs.filter(isTrainedDelta).map(({ name }) => name);
  const given = vector.map(({ name }) => name);
  const changed = trained.find((name) => !given.includes(name)) ?? given.find((name) => !trained.includes(name));
  if (changed === undefined) return;
  throw new FedloomError(
    'stage.order',
    `Stage "${NAME}" chooses among the run's own trained tensors, but a stage before it leaves others ("${changed}" is not in ` +
      `both). Put "${NAME}" before that stage.`,
    { stage: NAME, tensor: changed },
  );
}
