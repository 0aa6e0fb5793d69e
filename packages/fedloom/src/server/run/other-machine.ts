import type { Processor, SoftwareVersions } from '../../core/node/machine.js';
import type { RunDescription } from '../../journal/record.js';
import type { Reason } from '../schedule/types.js';

/** Where a run is to go on. */
export interface Machine {
  readonly versions: SoftwareVersions;
  readonly processor: Processor;
}

/**
 * What to warn of when a run goes on where it was not begun: undefined where nothing differs that is known. Of fedloom itself
 * there is one version only with which a run goes on.
 */
export function otherMachine(
  { run, plan, versions, processor }: Pick<RunDescription, 'run' | 'plan' | 'versions' | 'processor'>,
  now: Machine,
): Reason | undefined {
  const compared: readonly (readonly [string, string | undefined, string])[] = [
    ['processor', processor && kindOf(processor), kindOf(now.processor)],
    ['Node', versions.node, now.versions.node],
    // Training code of one's own does not need it.
    ['ONNX Runtime', plan === null ? undefined : versions.onnxruntime, now.versions.onnxruntime],
  ];
  const differences = compared.filter(([, begun, is]) => begun !== undefined && begun !== is);
  if (differences.length === 0) return undefined;
  const listed = differences.map(([what, begun, is]) => `${what}: ${begun} then, ${is} now`).join('; ');
  const message =
    `The run ${run} goes on where it was not begun (${listed}). Its model may differ in the last bits from that of a run that ` +
    'nobody interrupted; both are right. To have it equal, go on where it was begun.';
  return { code: 'journal.other-machine', message };
}

function kindOf({ model, architecture, platform }: Pick<Processor, 'model' | 'architecture' | 'platform'>): string {
  return `${model} (${platform}, ${architecture})`;
}
