import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, platform } from 'node:os';
import { VERSION } from '../version.js';

/** What computes, besides the task: results are equal to the bit where all of these are. */
export interface SoftwareVersions {
  readonly fedloom: string;
  readonly node: string;
  readonly onnxruntime: string;
}

export interface Processor {
  readonly model: string;
  readonly cores: number;
  readonly architecture: string;
  readonly platform: string;
}

export function versions(): SoftwareVersions {
  return { fedloom: VERSION, node: process.versions.node, onnxruntime: onnxruntimeVersion() };
}

export function processor(): Processor {
  return {
    model: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    architecture: arch(),
    platform: platform(),
  };
}

/** Read from its package, since loading it takes time and memory. */
function onnxruntimeVersion(): string {
  try {
    const engine = createRequire(import.meta.url).resolve('@fedloom/engine');
    const manifest = createRequire(engine).resolve('@fedloom/onnxruntime/package.json');
    return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
  } catch {
    return 'unknown';
  }
}
