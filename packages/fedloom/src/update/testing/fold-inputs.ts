import type { DType, NamedTensors, Tensor } from '@fedloom/engine';
import { namedHash } from '../../conformance/named-hash.js';
import { tensorOf } from '../../conformance/tensor-values.js';
import { clientIndex, versionNumber } from '../../core/brands.js';
import { sortedTensors } from '../../core/params.js';
import type { Contribution } from '../fold-contract.js';
import type { UpdateSpec } from '../update.js';

export function specOf(
  name: string,
  shape: readonly number[],
  { dtype = 'float32', fold = 'mean', kind = 'trained' }: Partial<Pick<UpdateSpec, 'dtype' | 'fold' | 'kind'>> = {},
): UpdateSpec {
  return { name, shape, dtype, fold, kind };
}

/** What client `client` contributes: `values` by tensor, in the order of the specs. */
export function contributionOf(
  client: number,
  specs: readonly UpdateSpec[],
  values: readonly (readonly number[])[],
  { weight = 1, sampleCount = 1 }: { readonly weight?: number; readonly sampleCount?: number } = {},
): Contribution {
  const tensors = specs.map(({ name, dtype, shape }, i): [string, Tensor] => [
    name,
    tensorOf(dtype, shape, values[i] ?? []),
  ]);
  return contributionFrom(client, sortedTensors(tensors), { weight, sampleCount });
}

export function contributionFrom(
  client: number,
  tensors: NamedTensors,
  { weight = 1, sampleCount = 1 }: { readonly weight?: number; readonly sampleCount?: number } = {},
): Contribution {
  const base = { model: 'model', number: versionNumber(0), hash: namedHash('sha256:0') };
  const facts = { sampleCount, stepCount: 1 };
  return { update: { client: clientIndex(client), base, task: 0, attempt: 0, facts, tensors }, weight };
}

/** Contributions of one float32 tensor `w`, clients numbered from 0. */
export function vectorsOf(
  vectors: readonly (readonly number[])[],
  dtype: DType = 'float32',
): { readonly specs: readonly UpdateSpec[]; readonly contributions: readonly Contribution[] } {
  const specs = [specOf('w', [vectors[0]?.length ?? 0], { dtype })];
  return { specs, contributions: vectors.map((vector, client) => contributionOf(client, specs, [vector])) };
}
