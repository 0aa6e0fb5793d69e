import { FedloomError } from '@fedloom/engine';
import type { GraphBackend } from '@fedloom/engine/run';
import { type OnnxRuntimeWeb, onnxRuntimeWeb } from '@fedloom/engine/web';

export interface RuntimeOptions {
  /** Address of the folder with ONNX Runtime's files. */
  readonly files: string;
  readonly device: 'wasm' | 'webgpu';
  readonly threads: number;
}

/** Modules of the package onnxruntime-web that load what they need beside them. */
const MODULES = { wasm: 'ort.wasm.min.mjs', webgpu: 'ort.webgpu.min.mjs' } as const;

/** @throws FedloomError `browser.runtime` where its module does not load */
export async function loadRuntime({ files, device, threads }: RuntimeOptions): Promise<GraphBackend> {
  const address = new URL(MODULES[device], files).href;
  let runtime: OnnxRuntimeWeb;
  try {
    runtime = await import(/* @vite-ignore */ /* webpackIgnore: true */ address);
  } catch (cause) {
    throw new FedloomError(
      'browser.runtime',
      `ONNX Runtime did not load from ${address}: ${cause instanceof Error ? cause.message : String(cause)}. Have your host serve the files of ` +
        "the package onnxruntime-web (its folder dist), and name their folder by 'runtime'.",
      { address },
      { cause },
    );
  }
  return onnxRuntimeWeb(runtime, { files, threads, device });
}
