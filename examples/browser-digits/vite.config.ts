import { cpSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

// ONNX Runtime comes from the page's own host, as its files are: they go into `public`.
const runtime = dirname(fileURLToPath(import.meta.resolve('onnxruntime-web/wasm')));
const files = join(import.meta.dirname, 'public/onnxruntime');
mkdirSync(files, { recursive: true });
for (const name of ['ort.wasm.min.mjs', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm'])
  cpSync(join(runtime, name), join(files, name));

export default defineConfig({
  root: import.meta.dirname,
  // It finds its worker beside itself, which it would not if it were bundled ahead.
  optimizeDeps: { exclude: ['fedloom'] },
  worker: { format: 'es' },
  build: {
    target: 'es2022',
    rolldownOptions: { input: ['index.html', 'simulation.html'].map((page) => join(import.meta.dirname, page)) },
  },
});
