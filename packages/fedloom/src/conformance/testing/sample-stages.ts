import { elementCount, type NamedTensors, type Tensor } from '@fedloom/engine';
import { sortedTensors } from '../../core/params.js';
import type { PayloadSpec, Stage } from '../../update/stage-contract.js';
import { defineStage } from '../../update/stages/define-stage.js';

// Stages as others may write them: one whose payload has no size of its own and whose halves wait, one that draws.

/** Sends the trained values that are not zero, as bits so that -0 is one of them, with their places. */
export function nonzeros(): Stage {
  const places = (name: string) => `acme/places/${name}`;
  const trained = (input: readonly PayloadSpec[]) => input.filter((spec) => spec.trained === true);
  return defineStage({
    name: 'acme/nonzeros',
    options: {},
    payload: (input) => [
      ...input.filter((spec) => spec.trained !== true),
      ...trained(input).flatMap(({ name, dtype, shape }): PayloadSpec[] => {
        const axis = { shape: [elementCount(shape)], upTo: true };
        return [
          { name, dtype, ...axis, trained: true },
          { name: places(name), dtype: 'int32', ...axis },
        ];
      }),
    ],
    client: async (tensors, { input }) => {
      await Promise.resolve();
      const packed = trained(input).flatMap(({ name, dtype }): [string, Tensor][] => {
        const { data } = found(tensors, name);
        const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
        const size = data.BYTES_PER_ELEMENT;
        const kept = [...data.keys()].filter((i) =>
          bytes.subarray(i * size, (i + 1) * size).some((byte) => byte !== 0),
        );
        const values = data.slice(0, kept.length);
        for (const [at, i] of kept.entries()) values[at] = data[i] as never;
        const shape = [kept.length];
        return [
          [name, { dtype, shape, data: values }],
          [places(name), { dtype: 'int32', shape, data: Int32Array.from(kept) }],
        ];
      });
      return { tensors: sortedTensors([...tensors, ...packed]) };
    },
    server: async (payload, { input }) => {
      await Promise.resolve();
      const full = input.map(({ name, dtype, shape, trained }): [string, Tensor] => {
        const tensor = found(payload, name);
        if (trained !== true) return [name, tensor];
        const data = new (tensor.data.constructor as Float32ArrayConstructor)(elementCount(shape));
        for (const [at, i] of found(payload, places(name)).data.entries()) data[Number(i)] = Number(tensor.data[at]);
        return [name, { dtype, shape, data }];
      });
      return new Map(full);
    },
  });
}

/** Adds up to half a unit to the trained float32 values, and counts its updates. */
export function dither(): Stage {
  return defineStage({
    name: 'acme/dither',
    options: { unit: 2 ** -10, law: 'uniform' },
    alters: true,
    client: (tensors, { input, random, state }) => {
      const moved = input.map(({ name, trained }): [string, Tensor] => {
        const tensor = found(tensors, name);
        if (trained !== true || !(tensor.data instanceof Float32Array)) return [name, tensor];
        return [name, { ...tensor, data: tensor.data.map((x) => x + (random.next() - 0.5) * 2 ** -10) }];
      });
      const count = Number(state.get('count')?.data[0] ?? 0) + 1;
      const next: Tensor = { dtype: 'int64', shape: [], data: BigInt64Array.of(BigInt(count)) };
      return { tensors: new Map(moved), state: new Map([['count', next]]) };
    },
  });
}

function found(tensors: NamedTensors, name: string): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new Error(`no tensor ${name}`);
  return tensor;
}
