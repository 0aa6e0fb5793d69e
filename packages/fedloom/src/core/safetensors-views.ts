import { arrayOf, type NamedTensors, type Tensor } from '@fedloom/engine/base';
import { copyTensor, layoutFor, type SafetensorsLayout, unwrittenBytes } from './safetensors-layout.js';

/** Tensors, and the safetensors bytes that they are views of. */
export interface TensorsInBytes {
  readonly bytes: Uint8Array;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/**
 * Gives tensors as views of their safetensors bytes, so that whoever needs a model and its bytes holds it once. It lays out anew
 * only when names, dtypes or shapes differ from the last time.
 */
export class SafetensorsViews {
  #layout: SafetensorsLayout | undefined;

  /** Room for tensors of these names, dtypes and shapes; what it holds is anything. @throws as `of` */
  room(like: NamedTensors): TensorsInBytes {
    this.#layout = layoutFor(like, this.#layout);
    return roomFor(like, this.#layout);
  }

  /**
   * Tensors as they are where they lie in their bytes, else copied.
   * @param room for such tensors: whatever does not lie there is copied there
   * @throws FedloomError `safetensors.tensor`, as `encodeSafetensors`
   */
  of(tensors: NamedTensors, room?: TensorsInBytes): TensorsInBytes {
    const before = this.#layout;
    this.#layout = layoutFor(tensors, before);
    if (room !== undefined && this.#layout === before) return written(tensors, room);
    const bytes = bytesUnder(tensors, this.#layout);
    return bytes === undefined ? written(tensors, roomFor(tensors, this.#layout)) : { bytes, tensors };
  }
}

/** As `SafetensorsViews`, always in memory of their own: of tensors that somebody may change. */
export function copyInSafetensors(tensors: NamedTensors): TensorsInBytes {
  return written(tensors, roomFor(tensors, layoutFor(tensors)));
}

/**
 * Tensors as safetensors bytes: the very bytes that all of them are views of, where they lie there as `encodeSafetensors` would
 * write them, else new ones. Not to be changed.
 * @throws FedloomError `safetensors.tensor`, as `encodeSafetensors`
 */
export function asSafetensors(tensors: NamedTensors): Uint8Array {
  return new SafetensorsViews().of(tensors).bytes;
}

function roomFor(like: NamedTensors, layout: SafetensorsLayout): TensorsInBytes {
  const bytes = unwrittenBytes(layout);
  const tensors = new Map<string, Tensor>();
  for (const [name, { dtype, shape, data }] of like) {
    const at = bytes.byteOffset + (layout.starts.get(name) ?? 0);
    tensors.set(name, { dtype, shape, data: new arrayOf[dtype](bytes.buffer, at, data.length) });
  }
  return { bytes, tensors };
}

/** Copies what does not lie in the room already. */
function written(tensors: NamedTensors, room: TensorsInBytes): TensorsInBytes {
  const views = new Map<string, Tensor>();
  for (const [name, tensor] of tensors) {
    const view = room.tensors.get(name);
    if (view === undefined) throw new RangeError(`the room has no tensor "${name}"`);
    const { buffer, byteOffset, byteLength } = view.data;
    if (tensor.data !== view.data) copyTensor(name, tensor, new Uint8Array(buffer, byteOffset, byteLength));
    views.set(name, view);
  }
  return { bytes: room.bytes, tensors: views };
}

function bytesUnder(tensors: NamedTensors, { head, starts, bytes: length }: SafetensorsLayout): Uint8Array | undefined {
  const [first] = tensors;
  if (first === undefined) return undefined;
  const [firstName, { data }] = first;
  const { buffer } = data;
  const from = data.byteOffset - (starts.get(firstName) ?? 0);
  if (from < 0 || from + length > buffer.byteLength) return undefined;
  for (const [name, { data: other }] of tensors) {
    if (other.buffer !== buffer || other.byteOffset !== from + (starts.get(name) ?? 0)) return undefined;
  }
  const bytes = new Uint8Array(buffer, from, length);
  return head.every((byte, i) => byte === bytes[i]) ? bytes : undefined;
}
