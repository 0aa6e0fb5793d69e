import type { Predictor } from '../predictor.js';
import type { LoadModelOptions } from './load-model.js';

/**
 * Loads a trained model to predict with: of a run, from its folder, or from an ONNX file that `fedloom export` wrote.
 * Neither the task file nor its data are needed.
 *
 * @param path `runs/<id>` or `model.onnx`
 * @example const model = await loadModel('runs/20261130-053200-mnist-989f'); const { label } = await model.predict(pixels);
 * @throws FedloomError `model.none`: there is no run or no model; `model.onnx`: a file that is not one of ours;
 *   `export.trainer`, `export.private`: the run's model is not whole without code or parameters that are elsewhere;
 *   `store.version`
 */
export async function loadModel(path: string, options: LoadModelOptions = {}): Promise<Predictor> {
  // Who trains needs none of it, and starts sooner.
  return (await import('./load-model.js')).loadModelFrom(path, options);
}
