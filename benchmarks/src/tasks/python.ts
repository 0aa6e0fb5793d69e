/** The trainer of `peers/trainers.py`, in one Python process. */
import { join } from 'node:path';
import { defineTask, pythonTrainer } from 'fedloom';

const trainers = join(import.meta.dirname, '../../peers/trainers.py');

export default defineTask({
  name: 'python',
  trainer: pythonTrainer({
    trainer: `${trainers}:BenchTrainer`,
    model: `${trainers}:create_model`,
    args: { workload: '2nn' },
    processes: 1,
  }),
});
