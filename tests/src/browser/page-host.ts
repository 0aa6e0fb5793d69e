import { createReadStream } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { extname, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { onTestFinished } from 'vitest';
import { root } from '../repository/source-tree.js';

const FOLDERS: Readonly<Record<string, string>> = {
  fedloom: join(root, 'packages/fedloom/dist/page'),
  onnxruntime: join(root, 'node_modules/onnxruntime-web/dist'),
};
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.mjs': 'text/javascript',
  '.wasm': 'application/wasm',
  '.html': 'text/html',
};
/** Of ONNX Runtime, what docs/browser.md says a host must serve, and nothing else. */
const RUNTIME_FILES =
  /^(?:ort\.wasm\.min\.mjs|ort-wasm-simd-threaded\.(?:mjs|wasm)|ort\.webgpu\.min\.mjs|ort-wasm-simd-threaded\.asyncify\..*)$/;
/** As docs/browser.md says it; the page here has a script within it. */
const POLICY =
  "default-src 'none'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; connect-src 'self' ws: wss:; worker-src 'self'";
/** With these a page may have threads that share memory. */
const ISOLATED = { 'Cross-Origin-Opener-Policy': 'same-origin', 'Cross-Origin-Embedder-Policy': 'require-corp' };

const PAGE = `<!doctype html><title>A page</title>
<script type="module">import * as fedloom from '/fedloom/index.js'; globalThis.fedloom = fedloom;</script>`;

/** A host of a page with the library, which lies at `/fedloom/`, of ONNX Runtime at `/onnxruntime/`, and of `files` by path; until the test ends. */
export async function hostPages({
  isolated = false,
  files = {},
  onPost = () => {},
}: {
  readonly isolated?: boolean;
  readonly files?: Readonly<Record<string, Uint8Array | string>>;
  /** Told what a page posts. */
  readonly onPost?: (text: string) => void;
} = {}): Promise<string> {
  const server = createServer((request, response) => {
    const { method, url = '/' } = request;
    if (method === 'POST') {
      void text(request).then(onPost);
      return void response.writeHead(204).end();
    }
    response.setHeader('Content-Security-Policy', POLICY);
    for (const [name, value] of Object.entries(isolated ? ISOLATED : {})) response.setHeader(name, value);
    const file = files[url];
    if (file === undefined) answer(url, response);
    else response.writeHead(200, { 'Content-Type': TYPES[extname(url)] ?? 'application/octet-stream' }).end(file);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => closed(server));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function answer(url: string, response: ServerResponse): void {
  const [, folder = '', name = ''] = new URL(url, 'http://host').pathname.split('/');
  const from = FOLDERS[folder];
  if (url === '/') {
    response.writeHead(200, { 'Content-Type': 'text/html' });
    response.end(PAGE);
  } else if (from === undefined || !/^[\w.-]+$/.test(name) || (folder === 'onnxruntime' && !RUNTIME_FILES.test(name)))
    response.writeHead(404).end();
  else {
    const file = createReadStream(join(from, name));
    file.on('error', () => response.writeHead(404).end());
    file.once('open', () => {
      response.writeHead(200, { 'Content-Type': TYPES[extname(name)] ?? 'application/octet-stream' });
      file.pipe(response);
    });
  }
}

function closed(server: Server): Promise<void> {
  server.closeAllConnections();
  return new Promise((resolve) => server.close(() => resolve()));
}
