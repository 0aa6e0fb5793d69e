import { type DType, FedloomError, type Tensor, type TensorData } from '@fedloom/engine';
import { namedHash } from '../../conformance/named-hash.js';
import { clientIndex, versionNumber } from '../../core/brands.js';
import { encodeHalves } from '../../core/float16.js';
import type { Contribution } from '../fold-contract.js';
import { levelOf, quantum } from '../quanta.js';
import type { UpdateSpec } from '../update.js';

export function specOf(
  name: string,
  shape: readonly number[],
  dtype: DType = 'float32',
  { fold = 'mean', kind = 'trained' }: Partial<Pick<UpdateSpec, 'fold' | 'kind'>> = {},
): UpdateSpec {
  return { name, shape, dtype, fold, kind };
}

export function tensorOf(dtype: DType, values: readonly number[], shape: readonly number[] = [values.length]): Tensor {
  const data: Record<DType, () => TensorData> = {
    float32: () => Float32Array.from(values),
    float64: () => Float64Array.from(values),
    float16: () => encodeHalves(Float64Array.from(values)),
    int32: () => Int32Array.from(values),
    int64: () => BigInt64Array.from(values, BigInt),
    uint8: () => Uint8Array.from(values),
    bool: () => Uint8Array.from(values),
  };
  return { dtype, shape, data: data[dtype]() };
}

/** Update number `client` with these tensors. */
export function contributionOf(
  tensors: Readonly<Record<string, Tensor>>,
  { weight = 1, sampleCount = 1, client = 0 }: { weight?: number; sampleCount?: number; client?: number } = {},
): Contribution {
  const base = { model: 'global', number: versionNumber(0), hash: namedHash('') };
  const facts = { sampleCount };
  return {
    update: {
      client: clientIndex(client),
      base,
      task: 0,
      attempt: 0,
      facts,
      tensors: new Map(Object.entries(tensors)),
    },
    weight,
  };
}

const UNIT = quantum(levelOf(2 ** 20));
/**
 * Doubles of one level whose high and low, whose low, and whose low and third parts are all but the largest there are: 2^45
 * quanta, less one or two.
 */
export const fillingValues: readonly number[] = [
  (2 ** 45 - 1 + 0.5 - 2 ** -7) * UNIT,
  (0.5 - 2 ** -54) * UNIT,
  (2 ** 45 - 1 + 0.5 - 2 ** -7) * 2 ** -46 * UNIT,
];

/** The code of the FedloomError that `action` throws; `nothing` if it throws none. */
export function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof FedloomError) return error.code;
    throw error;
  }
  return 'nothing';
}
