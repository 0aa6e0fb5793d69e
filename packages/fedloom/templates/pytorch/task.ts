// Training code in PyTorch, as it stands in f.py. fedloom runs it in Python processes of its own, one a core.
import { defineTask, pythonTrainer } from 'fedloom';

export default defineTask({
  name: 'patients',
  trainer: pythonTrainer({
    trainer: 'f.py:PatientTrainer',
    model: 'f.py:create_model',
    args: { epochs: 4, batch_size: 8, lr: 0.2 },
    // Each client trains on a share of the table, and all of them, and the server, test on the same rows.
    trainPath: 'patients.csv:train/{index}/100',
    testPath: 'patients.csv:test',
    serverTestPath: 'patients.csv:test',
  }),
});
