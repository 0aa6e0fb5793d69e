import { elementCount, type NamedTensors, type Tensor } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { encodeHalves } from '../../core/float16.js';
import { RandomStream } from '../../core/random.js';
import { decodeSafetensors, encodeSafetensors } from '../../core/safetensors.js';
import type { Stage } from '../stage-contract.js';
import { type ClientStagesResult, runClientStages, statePrefix } from '../stages/client-stages.js';
import { defineStage } from '../stages/define-stage.js';
import { chainStages, checkPayload, payloadBytesMax, payloadSpecs, type StageChain } from '../stages/payload-specs.js';
import { runServerStages } from '../stages/server-stages.js';
import type { UpdateSpec } from '../update.js';

/**
 * What every stage keeps to, whatever it computes. Run it on a stage of your own as the built-in ones do.
 * @param make the same stage each time, anew
 */
export function stageConformance(make: () => Stage): void {
  describe(`${make().name} keeps to the contract`, () => {
    it('is well defined: its options are plain, and it can be frozen', () => {
      expect(() => defineStage(make())).not.toThrow();
      expect(JSON.parse(JSON.stringify(make().options))).toEqual(make().options);
    });

    for (const [models, specs] of Object.entries(MODELS)) {
      const chain = () => chainStages([make()], specs);

      describe(`with ${models}`, () => {
        it('gives back the names, dtypes and shapes of the run', async () => {
          for (const { decoded } of await play(chain(), 3)) {
            const who = { stage: make().name, client: CLIENT, from: 'server' } as const;
            expect(() => checkPayload(decoded, payloadSpecs(specs), who)).not.toThrow();
            expect([...decoded.keys()]).toEqual([...decoded.keys()].sort());
          }
        });

        it('makes what it declares, and no more bytes', async () => {
          const { wire } = chain();
          for (const { sent } of await play(chain(), 3)) {
            const who = { stage: make().name, client: CLIENT, from: 'client' } as const;
            expect(() => checkPayload(sent.tensors, wire, who)).not.toThrow();
            const bytes = [...sent.tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
            expect(bytes).toBeLessThanOrEqual(payloadBytesMax(wire));
            expect([...sent.tensors.keys()]).toEqual([...sent.tensors.keys()].sort());
          }
        });

        it('changes none of the tensors it is given', async () => {
          const links = chain();
          let state: NamedTensors = new Map();
          for (let task = 0; task < 3; task++) {
            const given = { tensors: updateOf(specs, task), state };
            const before = structuredClone(given);
            const sent = await encode(links, task, given.tensors, given.state);
            expect(given).toEqual(before);
            const payload = structuredClone(sent.tensors);
            await runServerStages(links, sent.tensors, { client: CLIENT, task });
            expect(sent.tensors).toEqual(payload);
            state = sent.state;
          }
        });

        it('is deterministic to the bit', async () => {
          expect(bits(await play(chain(), 3))).toEqual(bits(await play(chain(), 3)));
        });

        it('keeps nothing between calls: one value serves many clients', async () => {
          const links = chain();
          expect(bits(await play(links, 3))).toEqual(bits(await play(links, 3)));
        });

        it('has private state that can be stored and read again', async () => {
          const links = chain();
          const stored = (state: NamedTensors) => decodeSafetensors(encodeSafetensors(state));
          expect(bits(await play(links, 3, stored))).toEqual(bits(await play(links, 3)));
        });

        it('takes a payload that went over the wire', async () => {
          const links = chain();
          const [{ sent, decoded }] = (await play(links, 1)) as [Played];
          const received = decodeSafetensors(encodeSafetensors(sent.tensors));
          expect(await runServerStages(links, received, { client: CLIENT, task: 0 })).toEqual(decoded);
        });

        it('leaves buffers, uploads and integers as they are', async () => {
          for (const [task, { decoded }] of (await play(chain(), 3)).entries()) {
            const update = updateOf(specs, task);
            for (const { name, kind } of specs.filter(({ kind }) => kind !== 'trained')) {
              expect(decoded.get(name), `${kind} ${name}`).toEqual(update.get(name));
            }
          }
        });
      });
    }

    it('names its private tensors under its own name', async () => {
      for (const { sent } of await play(chainStages([make()], FLOATS), 2)) {
        for (const name of sent.state.keys()) expect(name.startsWith(statePrefix(make().name))).toBe(true);
      }
    });
  });
}

const CLIENT = 5;

const spec = (
  name: string,
  dtype: UpdateSpec['dtype'],
  shape: readonly number[],
  kind: UpdateSpec['kind'] = 'trained',
  fold: UpdateSpec['fold'] = 'mean',
): UpdateSpec => ({ name, dtype, shape, kind, fold });

const FLOATS: readonly UpdateSpec[] = [
  spec('0.bias', 'float32', [2]),
  spec('0.weight', 'float32', [4, 3]),
  spec('1.mean', 'float32', [3], 'buffer'),
  spec('1.steps', 'int64', [], 'buffer'),
  spec('control/0.weight', 'float32', [4, 3], 'upload'),
];

const MODELS: Readonly<Record<string, readonly UpdateSpec[]>> = {
  'float32 alone': FLOATS,
  'floats of all kinds': [
    spec('a', 'float16', [5]),
    spec('b', 'float64', [2, 2]),
    spec('c', 'float32', []),
    spec('d', 'float32', [0]),
    spec('e.seen', 'uint8', [2], 'buffer', 'max'),
    spec('e.top', 'float64', [1], 'buffer', 'max'),
  ],
};

interface Played {
  readonly sent: ClientStagesResult;
  readonly decoded: NamedTensors;
}

/** Some updates of one client, each of which counts. */
async function play(
  chain: StageChain,
  tasks: number,
  stored: (state: NamedTensors) => NamedTensors = (state) => state,
): Promise<Played[]> {
  const played: Played[] = [];
  let state: NamedTensors = new Map();
  for (let task = 0; task < tasks; task++) {
    const sent = await encode(chain, task, updateOf(chain.specs, task), state);
    played.push({ sent, decoded: await runServerStages(chain, sent.tensors, { client: CLIENT, task }) });
    state = stored(sent.state);
  }
  return played;
}

function encode(chain: StageChain, task: number, tensors: NamedTensors, state: NamedTensors) {
  const random = (stage: string) => RandomStream.of(7, `stage:${stage}`, CLIENT, task);
  return runClientStages(chain, tensors, { client: CLIENT, task, state, random });
}

/** An update as training might give it: floats of many magnitudes, some equal, some zero. */
function updateOf(specs: readonly UpdateSpec[], task: number): NamedTensors {
  const random = RandomStream.of(3, 'stage-conformance', task);
  return new Map(specs.map(({ name, dtype, shape }) => [name, tensorOf(dtype, shape, random)]));
}

function tensorOf(dtype: UpdateSpec['dtype'], shape: readonly number[], random: RandomStream): Tensor {
  const length = elementCount(shape);
  const floats = Float64Array.from({ length }, () => floatOf(random));
  const wholes = Array.from({ length }, () => random.integer(100));
  switch (dtype) {
    case 'float64':
      return { dtype, shape, data: floats };
    case 'float32':
      return { dtype, shape, data: Float32Array.from(floats) };
    case 'float16':
      return { dtype, shape, data: encodeHalves(floats) };
    case 'int64':
      return { dtype, shape, data: BigInt64Array.from(wholes, BigInt) };
    case 'int32':
      return { dtype, shape, data: Int32Array.from(wholes) };
    default:
      return { dtype, shape, data: Uint8Array.from(wholes) };
  }
}

function floatOf(random: RandomStream): number {
  if (random.integer(6) === 0) return [0, 0.25, -0.25][random.integer(3)] ?? 0;
  return random.normal() * 2 ** (random.integer(8) - 6);
}

/** So that -0 and the payloads of NaN are told apart. */
function bits(played: readonly Played[]): unknown {
  const of = (tensors: NamedTensors) => [...encodeSafetensors(tensors)];
  return played.map(({ sent, decoded }) => [of(sent.tensors), of(sent.state), of(decoded)]);
}
