import { readFileSync } from 'node:fs';
import { type Model, modelFromOnnx, type OnnxModelOptions } from '@fedloom/engine';
import { type FilePlace, pathOf, shown, unreadable } from '../../data/node/files.js';

/**
 * A model to train from a forward model in ONNX, as `torch.onnx.export` writes it: its float constants become parameters, with their names
 * and values. The file is read at once; it is needed where the task is compiled, not where clients train.
 * @param file relative ones begin in the working folder; `new URL('model.onnx', import.meta.url)` lies beside the task
 * @throws FedloomError `data.file`, `onnx.format`, `onnx.operators`; when it is built `layer.shape` for samples of another shape
 */
export function onnxModel(file: FilePlace, options: OnnxModelOptions = {}): Model {
  const path = pathOf(file, undefined);
  return modelFromOnnx(bytesOf(path), options, shown(path));
}

function bytesOf(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (cause) {
    throw unreadable(path, cause);
  }
}
