/** Tensors and errors alone: for code that neither compiles nor runs plans, and starts faster without them. */
export { FedloomError } from './errors.js';
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
