import { defineTask, type NamedTensors, type TrainerTask } from 'fedloom';

const SAMPLES = 60;

/** A task that trains nothing: what is left of a round is the framework. The model is one float32 tensor. */
export function noopTask(elements: number): TrainerTask {
  const zeros: NamedTensors = new Map([
    ['weight', { dtype: 'float32', shape: [elements], data: new Float32Array(elements) }],
  ]);
  return defineTask({
    name: 'bench-noop',
    trainer: () => {
      let params = zeros;
      return {
        getModelParams: () => params,
        setModelParams: (next) => {
          params = next;
        },
        train: () => ({ sampleCount: SAMPLES, stepCount: 1, meanLoss: 0 }),
        test: () => ({ results: {}, sampleCount: 0 }),
      };
    },
  });
}
