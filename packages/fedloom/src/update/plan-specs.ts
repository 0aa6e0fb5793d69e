import { FedloomError, type NamedTensors, type ParameterSpec, type PlanManifest } from '@fedloom/engine';
import { didYouMean } from '../core/closest.js';
import { compareNames } from '../core/params.js';
import { isFloat, type UpdateSpec } from './update.js';

/** Whether a change of this parameter travels to the server: neither what is private, nor what keeps the server's value. */
export function travels({ scope, role, fold }: ParameterSpec): boolean {
  return scope === 'shared' && role !== 'frozen' && fold !== 'keep';
}

/** Whether it travels to clients once, and in no model. */
export function isFrozen({ scope, role }: ParameterSpec): boolean {
  return scope === 'shared' && role === 'frozen';
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

/**
 * The same for training code of one's own: its floats are trained but for the declared buffers, all else is a buffer.
 * @throws FedloomError `params.buffers` for declared ones that are no parameter
 */
export function ownSpecs(
  model: NamedTensors,
  buffers: readonly string[] = [],
  uploads: readonly string[] = [],
): UpdateSpec[] {
  const names = [...model.keys()];
  const unknown = buffers.find((name) => !model.has(name));
  if (unknown !== undefined) {
    const guess = didYouMean(unknown, names) || ` The parameters are ${names.join(', ')}.`;
    throw new FedloomError(
      'params.buffers',
      `The trainer's \`buffers\` name "${unknown}", which is no parameter of its model.${guess}`,
      {
        name: unknown,
      },
    );
  }
  const own = [...model].map(([name, { dtype, shape }]): UpdateSpec => {
    const trained = isFloat(dtype) && !buffers.includes(name);
    return { name, dtype, shape, fold: 'mean', kind: trained ? 'trained' : 'buffer' };
  });
  return withUploads(own, uploads);
}

/** The specs and, for each trained tensor and slot, one of the upload `slot/parameter`; ascending by name. */
function withUploads(specs: readonly UpdateSpec[], slots: readonly string[]): UpdateSpec[] {
  const trained = specs.filter(({ kind }) => kind === 'trained');
  const uploads = slots.flatMap((slot) =>
    trained.map((spec): UpdateSpec => ({ ...spec, name: `${slot}/${spec.name}`, kind: 'upload' })),
  );
  return [...specs, ...uploads].sort((a, b) => compareNames(a.name, b.name));
}
