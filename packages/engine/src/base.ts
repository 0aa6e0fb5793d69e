/** Tensors and errors alone: for code that neither compiles nor runs plans, and starts faster without them. */
export type { NoFields } from './error-codes.js';
export {
  type ErrorCode,
  type ErrorDetails,
  type ErrorFields,
  type ErrorOf,
  type ErrorParts,
  FedloomError,
  type FedloomErrorConstructor,
  isFedloomError,
  isRemoteError,
  type RemoteFields,
} from './errors.js';
export { type ComputeDevice, deviceOf } from './runtime/device.js';
export {
  allocate,
  arrayOf,
  bytesPerElement,
  type DType,
  elementCount,
  type NamedTensors,
  type Tensor,
  type TensorData,
  zeros,
} from './tensor.js';
