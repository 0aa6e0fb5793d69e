// Training code in PyTorch, as it stands in f.py.
//   npx fedloom partition examples/01-mnist/task.ts --clients 100 --format npz --out parts
//   npx fedloom run examples/07-pytorch-trainer/task.ts 100 10 5
import { defineTask, pythonTrainer } from 'fedloom';

export default defineTask({
  name: 'pytorch-trainer',
  trainer: pythonTrainer({
    trainer: 'f.py:CNNTrainer',
    model: 'f.py:create_model',
    resultAggregator: 'f.py:CNNResultAggregator',
    args: { epochs: 1, batch_size: 32, lr: 0.1 },
    trainPath: 'parts/client_{rank}_train.npz',
    testPath: 'parts/client_{rank}_test.npz',
  }),
});
