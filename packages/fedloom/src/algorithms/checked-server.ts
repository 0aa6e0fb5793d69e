import { FedloomError, type NamedTensors, type Tensor } from '@fedloom/engine';
import type { ServerUpdate } from './algorithm.js';

/** `server` with its results checked. @throws FedloomError `algorithm.result`, naming algorithm, round and tensor. */
export function checkedServer(algorithm: string, server: ServerUpdate, broadcast: readonly string[]): ServerUpdate {
  return {
    initialize(model, trained) {
      const state = server.initialize(model, trained);
      const where = `Algorithm ${algorithm}, initial state`;
      for (const slot of broadcast) {
        for (const parameter of trained)
          expectLike(state.get(`${slot}/${parameter}`), model.get(parameter)!, where, `${slot}/${parameter}`);
      }
      for (const [name, tensor] of state) expectFinite(tensor, where, name);
      return state;
    },
    update(input) {
      const result = server.update(input);
      const where = `Algorithm ${algorithm}, server update of round ${input.round}`;
      expectSame(result.model, input.model, `${where}, model`);
      expectSame(result.state, input.state, `${where}, state`);
      return result;
    },
  };
}

function expectSame(actual: NamedTensors, expected: NamedTensors, where: string): void {
  for (const [name, tensor] of expected) expectLike(actual.get(name), tensor, where, name);
  for (const [name, tensor] of actual) {
    if (!expected.has(name)) throw wrong(where, name, 'is new; names must stay as they were');
    expectFinite(tensor, where, name);
  }
}

function expectLike(actual: Tensor | undefined, expected: Tensor, where: string, name: string): void {
  if (actual === undefined) throw wrong(where, name, 'is missing');
  if (typeText(actual) !== typeText(expected) || actual.data.length !== expected.data.length) {
    throw wrong(
      where,
      name,
      `is ${typeText(actual)} with ${actual.data.length} elements instead of ${typeText(expected)}`,
    );
  }
}

function typeText({ dtype, shape }: Tensor): string {
  return `${dtype} [${shape.join(', ')}]`;
}

function expectFinite({ dtype, data }: Tensor, where: string, name: string): void {
  if (dtype !== 'float32' && dtype !== 'float64' && dtype !== 'float16') return;
  // All ones in a float16's exponent mean infinity or not a number.
  const finite = dtype === 'float16' ? (bits: number) => (bits & 0x7c00) !== 0x7c00 : Number.isFinite;
  for (let i = 0; i < data.length; i++) {
    if (!finite(data[i] as number)) {
      throw wrong(
        where,
        name,
        `holds ${dtype === 'float16' ? 'a value that is not finite' : data[i]} at element ${i}: training diverged; lower the learning rates`,
      );
    }
  }
}

function wrong(where: string, name: string, what: string): FedloomError {
  return new FedloomError('algorithm.result', `${where}: "${name}" ${what}.`, { tensor: name });
}
