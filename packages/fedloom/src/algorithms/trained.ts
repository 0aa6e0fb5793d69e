import type { NamedTensors, PlanManifest } from '@fedloom/engine';

/** The plan's parameters that the clients train and share: what a `ServerUpdate` calls `trained`. */
export function trainedParameters(manifest: PlanManifest): ReadonlySet<string> {
  const own = manifest.parameters.filter(({ role, scope }) => role === 'trained' && scope === 'shared');
  return new Set(own.map(({ name }) => name));
}

/** The same for training code of one's own: its float parameters, less those it declares as buffers. */
export function trainedFloats(model: NamedTensors, buffers: readonly string[] = []): ReadonlySet<string> {
  const names = [...model].filter(([name, { dtype }]) => dtype.startsWith('float') && !buffers.includes(name));
  return new Set(names.map(([name]) => name));
}
