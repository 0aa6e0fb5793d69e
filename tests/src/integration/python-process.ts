/** Python processes of the tests, with the package `python/` of this repository and what tools/python/install.sh installs. */
import { type ChildProcess, spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { afterEach } from 'vitest';
import { root } from '../repository/source-tree.js';
import { PYTHON } from './python.js';

const SOURCES = join(root, 'python/src');

export interface PythonEnded {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

const running: ChildProcess[] = [];

afterEach(() => {
  for (const child of running.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
});

/** A process that runs, with what it has said so far. */
export class PythonProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<PythonEnded>;
  stdout = '';
  stderr = '';

  constructor(args: readonly string[], options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}) {
    const path = [SOURCES, process.env.PYTHONPATH ?? ''].filter((part) => part !== '').join(delimiter);
    const env = { ...process.env, PYTHONPATH: path, PYTHONDONTWRITEBYTECODE: '1', ...options.env };
    this.child = spawn(PYTHON, args, { cwd: options.cwd ?? root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    running.push(this.child);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    this.ended = new Promise((resolve, reject) => {
      this.child.once('error', reject);
      this.child.once('close', (code, signal) => resolve({ code, signal, stdout: this.stdout, stderr: this.stderr }));
    });
  }

  /** Waits until it has said this on stderr; fails when it ends before. */
  async says(text: string): Promise<void> {
    let over = false;
    void this.ended.then(() => {
      over = true;
    });
    while (!this.stderr.includes(text)) {
      if (over) throw new Error(`Python ended without saying '${text}':\n${this.stderr}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** The client in Python, `python -m fedloom.client`. */
export function pythonClient(args: readonly string[], options: { readonly cwd?: string } = {}): PythonProcess {
  return new PythonProcess(['-m', 'fedloom.client', ...args], options);
}
