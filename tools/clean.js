// Removes build output, so that no test of a deleted file runs on.
import { rmSync } from 'node:fs';

for (const folder of [
  'packages/engine',
  'packages/fedloom',
  'packages/onnxruntime',
  'packages/transport-mpi',
  'packages/transport-mqtt',
  'tests',
  'tools/docs',
  'benchmarks',
]) {
  rmSync(new URL(`../${folder}/dist`, import.meta.url), { recursive: true, force: true });
}
