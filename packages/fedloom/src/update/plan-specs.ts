import type { ParameterSpec, PlanManifest } from '@fedloom/engine';
import { compareNames } from '../core/params.js';
import type { UpdateSpec } from './update.js';

/** Whether a change of this parameter travels to the server: neither what is private, nor what keeps the server's value. */
export function travels({ scope, role, fold }: ParameterSpec): boolean {
  return scope === 'shared' && role !== 'frozen' && fold !== 'keep';
}

/** What an update of this plan holds, ascending by name: its shared parameters that change, and the algorithm's uploads. */
export function updateSpecs({ parameters, algorithm }: PlanManifest): UpdateSpec[] {
  const own = parameters.filter(travels).map(
    ({ name, shape, dtype, fold, role }): UpdateSpec => ({
      name,
      shape,
      dtype,
      fold: fold === 'max' ? 'max' : 'mean',
      kind: role === 'trained' ? 'trained' : 'buffer',
    }),
  );
  return withUploads(own, algorithm.upload);
}

/** The specs and, for each trained tensor and slot, one of the upload `slot/parameter`; ascending by name. */
export function withUploads(specs: readonly UpdateSpec[], slots: readonly string[]): UpdateSpec[] {
  const trained = specs.filter(({ kind }) => kind === 'trained');
  const uploads = slots.flatMap((slot) =>
    trained.map((spec): UpdateSpec => ({ ...spec, name: `${slot}/${spec.name}`, kind: 'upload' })),
  );
  return [...specs, ...uploads].sort((a, b) => compareNames(a.name, b.name));
}
