import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { arch, availableParallelism, cpus, platform } from 'node:os';
import { VERSION } from '../core/version.js';
import type { Processor, RunFile } from './run-file.js';

export function versions(): RunFile['versions'] {
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
    const manifest = createRequire(engine).resolve('onnxruntime-node/package.json');
    return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
  } catch {
    return 'unknown';
  }
}
