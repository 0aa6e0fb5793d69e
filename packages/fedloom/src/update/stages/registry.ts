import { FedloomError } from '@fedloom/engine/base';
import type { Stage, StageOptions } from '../stage-contract.js';
import { type ClipOptions, clip } from './clip.js';
import { type TopKOptions, topK } from './top-k.js';

/** Each checks its options itself, whatever they are. */
const BUILT_IN: Readonly<Record<string, (options: StageOptions) => Stage>> = {
  clip: (options) => clip(options as unknown as ClipOptions),
  topK: (options) => topK(options as unknown as TopKOptions),
};

/** The stages that every client knows. */
export const builtInStages: readonly string[] = Object.keys(BUILT_IN);

/**
 * The stage of a name with these options: one of `extra`, which a task brings, or a built-in.
 * @throws FedloomError `stage.unknown`; `stage.option` for options that the stage does not take, or other ones than those with
 *   which `extra` holds it
 */
export function stageNamed(name: string, options: StageOptions, extra: readonly Stage[] = []): Stage {
  const own = extra.find((stage) => stage.name === name);
  if (own !== undefined) return sameOptions(own, options);
  const make = Object.hasOwn(BUILT_IN, name) ? BUILT_IN[name] : undefined;
  if (make !== undefined) return make(options);
  const known = [...new Set([...extra.map((stage) => stage.name), ...builtInStages])].sort();
  const shown = name.slice(0, 80);
  throw new FedloomError(
    'stage.unknown',
    `There is no stage "${shown}" here; known are ${known.join(', ')}. Another version of fedloom may have it, or a task that brings it.`,
    { stage: shown, known },
  );
}

/** Another value of an option is another stage: what one end encodes the other could not decode. */
function sameOptions(stage: Stage, options: StageOptions): Stage {
  const names = new Set([...Object.keys(stage.options), ...Object.keys(options)]);
  const optionOf = (all: StageOptions, option: string) => (Object.hasOwn(all, option) ? all[option] : undefined);
  for (const option of names) {
    const [here, there] = [optionOf(stage.options, option), optionOf(options, option)];
    if (here === there) continue;
    const shown = (value: unknown) => (value === undefined ? 'not given' : JSON.stringify(value).slice(0, 80));
    throw new FedloomError(
      'stage.option',
      `Stage ${stage.name}: ${option.slice(0, 80)} is ${shown(here)} in this task and ${shown(there)} in the run. Client and server ` +
        'must run the same task.',
      { stage: stage.name, option, here, there },
    );
  }
  return stage;
}
