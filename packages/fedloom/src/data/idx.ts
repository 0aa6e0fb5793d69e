import { FedloomError, type Tensor } from '@fedloom/engine';

/** Elements an IDX file may hold: 1 GiB, 22 times MNIST's training images. */
const ELEMENTS_MAX = 1 << 30;
const UNSIGNED_BYTE = 0x08;

/**
 * Reads the IDX format of MNIST: two zero bytes, the element type (8: unsigned byte, the only one read here), the number of
 * dimensions, each dimension as 32-bit big-endian, then the elements.
 * @param file names the bytes in messages
 * @returns a view into `bytes`
 * @throws FedloomError `data.idx`
 */
export function parseIdx(bytes: Uint8Array, file: string): Tensor {
  const refuse = (what: string): never => {
    throw new FedloomError(
      'data.idx',
      `${file} is not an IDX file of unsigned bytes: ${what}. Is it complete and unzipped?`,
      { file },
    );
  };
  if (bytes.length < 4) refuse(`it has only ${bytes.length} bytes`);
  if (bytes[0] !== 0 || bytes[1] !== 0) refuse('it does not begin with two zero bytes');
  if (bytes[2] !== UNSIGNED_BYTE) refuse(`its elements have type ${bytes[2]}`);
  const rank = bytes[3] as number;
  const headerBytes = 4 + 4 * rank;
  if (rank < 1 || rank > 4 || bytes.length < headerBytes) refuse(`it claims ${rank} dimensions`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: rank }, (_, axis) => view.getUint32(4 + 4 * axis));
  const elements = shape.reduce((product, extent) => product * extent, 1);
  if (elements > ELEMENTS_MAX) refuse(`it claims [${shape.join(', ')}], which is too large`);
  if (bytes.length !== headerBytes + elements) {
    refuse(`[${shape.join(', ')}] needs ${headerBytes + elements} bytes, it has ${bytes.length}`);
  }
  return { dtype: 'uint8', shape, data: bytes.subarray(headerBytes) };
}
