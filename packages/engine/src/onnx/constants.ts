import type { Tensor } from '../tensor.js';
import type { OnnxValue } from './ir.js';

/** The constants of a model: equal ones are one. */
export class Constants {
  readonly #known = new Map<string, OnnxValue>();
  /** Keys take time to make for large tensors. */
  readonly #canonical = new Map<OnnxValue, OnnxValue>();

  get(tensor: Tensor): OnnxValue {
    const { dtype, shape, data } = tensor;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const key = `${dtype}[${shape.join()}]${bytes.join()}`;
    let value = this.#known.get(key);
    if (value === undefined) {
      value = { dtype, shape, producer: undefined, constant: tensor };
      this.#known.set(key, value);
    }
    return value;
  }

  /** The one constant that stands for all equal ones; what is no constant stands for itself. */
  canonical(value: OnnxValue): OnnxValue {
    if (value.constant === undefined) return value;
    let result = this.#canonical.get(value);
    if (result === undefined) {
      result = this.get(value.constant);
      this.#canonical.set(value, result);
    }
    return result;
  }

  integers(values: readonly number[]): OnnxValue {
    return this.get({ dtype: 'int64', shape: [values.length], data: BigInt64Array.from(values, BigInt) });
  }
}
