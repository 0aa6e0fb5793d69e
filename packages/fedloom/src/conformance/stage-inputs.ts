import { elementCount, type NamedTensors, type Tensor } from '@fedloom/engine';
import { RandomStream } from '../core/random.js';
import { type ClientStagesResult, runClientStages } from '../update/stages/client-stages.js';
import type { StageChain } from '../update/stages/payload-specs.js';
import { runServerStages } from '../update/stages/server-stages.js';
import { isFloat, type UpdateSpec } from '../update/update.js';
import { tensorOf } from './tensor-values.js';

const spec = (
  name: string,
  dtype: UpdateSpec['dtype'],
  shape: readonly number[],
  kind: UpdateSpec['kind'] = 'trained',
  fold: UpdateSpec['fold'] = 'mean',
): UpdateSpec => ({ name, dtype, shape, kind, fold });

/** What updates may hold, by what is said of them; lists of their own at each call, since a flawed stage may change them. */
export const stageModels: Readonly<Record<string, () => UpdateSpec[]>> = {
  'float32 alone': () => [
    spec('0.bias', 'float32', [2]),
    spec('0.weight', 'float32', [4, 3]),
    spec('1.mean', 'float32', [3], 'buffer'),
    spec('1.steps', 'int64', [], 'buffer'),
    spec('control/0.weight', 'float32', [4, 3], 'upload'),
  ],
  'floats of all kinds': () => [
    spec('a', 'float16', [5]),
    spec('b', 'float64', [2, 2]),
    spec('c', 'float32', []),
    spec('d', 'float32', [0]),
    spec('e.seen', 'uint8', [2], 'buffer', 'max'),
    spec('e.top', 'float64', [1], 'buffer', 'max'),
  ],
};

/** An update on its whole way: what the client's half made, and what the server's made of that. */
export interface Played {
  readonly sent: ClientStagesResult;
  readonly decoded: NamedTensors;
}

/**
 * Some updates of one client, each of which counts.
 * @param stored what becomes of its private state between two of them
 */
export async function play(
  chain: StageChain,
  { tasks = 3, client = 5, stored = (state: NamedTensors): NamedTensors => state } = {},
): Promise<Played[]> {
  const played: Played[] = [];
  let state: NamedTensors = new Map();
  for (let task = 0; task < tasks; task++) {
    const sent = await encode(chain, updateOf(chain.specs, task), { client, task, state });
    played.push({ sent, decoded: await runServerStages(chain, sent.tensors, { client, task }) });
    state = stored(sent.state);
  }
  return played;
}

export function encode(
  chain: StageChain,
  tensors: NamedTensors,
  of: { readonly client: number; readonly task: number; readonly state: NamedTensors },
): ClientStagesResult | Promise<ClientStagesResult> {
  const random = (stage: string) => RandomStream.of(7, `stage:${stage}`, of.client, of.task);
  return runClientStages(chain, tensors, { ...of, random });
}

/** An update as training might give it: floats of many magnitudes, some equal, some zero. */
export function updateOf(specs: readonly UpdateSpec[], task: number): NamedTensors {
  const random = RandomStream.of(3, 'stage-conformance', task);
  const tensors = specs.map(({ name, dtype, shape }): [string, Tensor] => {
    const next = () => (isFloat(dtype) ? floatOf(random) : random.integer(100));
    return [name, tensorOf(dtype, shape, Array.from({ length: elementCount(shape) }, next))];
  });
  return new Map(tensors);
}

function floatOf(random: RandomStream): number {
  if (random.integer(6) === 0) return [0, 0.25, -0.25, -0][random.integer(4)] ?? 0;
  return random.normal() * 2 ** (random.integer(8) - 6);
}
