export { type OnnxRuntimeWeb, type OnnxRuntimeWebOptions, onnxRuntimeWeb } from './onnx-runtime-web.js';
