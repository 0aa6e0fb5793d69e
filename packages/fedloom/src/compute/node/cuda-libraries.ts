import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { type ComputeDevice, deviceOf, FedloomError } from '@fedloom/engine/base';

/** What ONNX Runtime loads to compute on a GPU. They are too large for npm, so that whoever wants them brings them. */
const LIBRARIES = ['libonnxruntime_providers_shared.so', 'libonnxruntime_providers_cuda.so'];

/**
 * Before anything starts: ONNX Runtime itself says no more than that it could not load a library.
 * @throws FedloomError `backend.device` for what is no device, `compute.device` where it cannot be used
 */
export function checkDevice(device: ComputeDevice = 'cpu'): void {
  if (deviceOf(device) === 'cpu') return;
  const { platform, arch } = process;
  if (platform !== 'linux' || arch !== 'x64')
    throw unusable(device, `ONNX Runtime for Node computes on GPUs on Linux on x64, not on ${platform} on ${arch}`);
  const folder = librariesFolder();
  const missing = LIBRARIES.filter((library) => !existsSync(join(folder, library)));
  if (missing.length > 0) throw unusable(device, `ONNX Runtime's ${missing.join(' and ')} are not in ${folder}`);
}

/** Where ONNX Runtime looks for them: beside its own. */
export function librariesFolder(): string {
  const code = dirname(createRequire(import.meta.url).resolve('@fedloom/onnxruntime'));
  return join(code, '..', 'bin', 'napi-v6', process.platform, process.arch);
}

function unusable(device: ComputeDevice, why: string): FedloomError {
  const message = `${device} cannot be used here: ${why}. What a GPU needs is in docs/models.md; leave out the device to train on the processor.`;
  return new FedloomError('compute.device', message, { device });
}
