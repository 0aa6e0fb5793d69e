export { type OnnxRuntimeNodeOptions, onnxRuntimeNode } from './onnx-runtime-node.js';
