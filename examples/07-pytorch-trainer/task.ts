// Training code in PyTorch, as it stands in f.py.
//   npx fedloom partition examples/01-mnist/task.ts --clients 10 --format npz --out parts
//   npx fedloom run examples/07-pytorch-trainer/task.ts 10 5 5 --set args.data_path=parts
import { defineTask, pythonTrainer } from 'fedloom';

export default defineTask({
  name: 'pytorch-trainer',
  trainer: pythonTrainer({
    trainer: 'f.py:CNNTrainer',
    model: 'f.py:create_model',
    trainPath: 'parts/client_{rank}_train.npz',
    testPath: 'parts/client_{rank}_test.npz',
    args: { epochs: 1, batch_size: 32, lr: 0.1 },
  }),
});
