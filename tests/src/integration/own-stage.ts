import { defineStage, type NamedTensors, type PayloadSpec, type Stage, type Tensor } from 'fedloom';

/**
 * A stage as a user writes it, from public exports alone: of each trained float32 it sends the two upper bytes, and adds
 * what it cut off to the next update.
 */
export function coarse(): Stage {
  return defineStage({
    name: 'acme/coarse',
    options: { bytes: 2 },
    alters: true,
    payload: (input) => input.map((spec) => (isCut(spec) ? cutSpec(spec) : spec)),
    client(tensors, { input, state }) {
      const sent = new Map(tensors);
      const rests = new Map<string, Tensor>();
      for (const spec of input.filter(isCut)) {
        const update = found(tensors, spec.name).data as Float32Array;
        const rest = state.get(spec.name)?.data as Float32Array | undefined;
        const values = update.map((value, i) => value + (rest?.[i] ?? 0));
        const upper = new Uint16Array(values.buffer).filter((_, at) => at % 2 === 1);
        const whole = floatsFrom(upper);
        const { dtype, shape } = cutSpec(spec);
        sent.set(spec.name, { dtype, shape, data: new Uint8Array(upper.buffer) });
        const left = values.map((value, i) => value - (whole[i] ?? 0));
        rests.set(spec.name, { dtype: 'float32', shape: spec.shape, data: left });
      }
      return { tensors: sent, state: rests };
    },
    server(payload, { input }) {
      const back = input.map((spec): [string, Tensor] => {
        const tensor = found(payload, spec.name);
        if (!isCut(spec)) return [spec.name, tensor];
        // A copy: what came over the wire may lie at an odd place.
        const upper = new Uint16Array(Uint8Array.from(tensor.data as Uint8Array).buffer);
        return [spec.name, { dtype: 'float32', shape: spec.shape, data: floatsFrom(upper) }];
      });
      return new Map(back);
    },
  });
}

function isCut({ dtype, trained }: PayloadSpec): boolean {
  return dtype === 'float32' && trained === true;
}

function cutSpec({ name, shape }: PayloadSpec): PayloadSpec {
  return { name, dtype: 'uint8', shape: [2 * shape.reduce((product, extent) => product * extent, 1)] };
}

function floatsFrom(upper: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(upper, (half) => half * 2 ** 16).buffer);
}

function found(tensors: NamedTensors, name: string): Tensor {
  const tensor = tensors.get(name);
  if (tensor === undefined) throw new RangeError(`there is no tensor ${name}`);
  return tensor;
}
