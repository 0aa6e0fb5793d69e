import { spawn } from 'node:child_process';
import { LastLines } from '../core/last-lines.js';
import type { Place } from './part.js';
import { remoteScript, sshPlace, withOptions } from './ssh.js';

const LINES_KEPT = 12;
const OUTPUT_CHARACTERS_MAX = 1 << 20;

/** What a short script came to. */
export interface ScriptEnd {
  /** Undefined: it could not be started. */
  readonly code: number | undefined;
  readonly stdout: string;
  /** By this machine's clock; absent: nothing came. */
  readonly firstOutputMs?: number;
  /** The last lines of stderr; none where it went to the terminal. */
  readonly lines: readonly string[];
}

/** How to log in for it, where that is not as always. */
export interface Login {
  /** Ssh's options, as `Name=value`; they come first. */
  readonly options: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Ssh may ask the user on this terminal. */
  readonly asks?: boolean;
}

/** Without questions that nobody would answer. */
export const SILENT: Login = { options: ['BatchMode=yes', 'ConnectTimeout=10'] };

/** Runs a short script for `sh` on a host, or on this machine, and waits for it. `$1`, `$2`, ... are its parameters. */
export function runScript(
  { host, ssh }: Pick<Place, 'host' | 'ssh'>,
  script: string,
  parameters: readonly string[],
  login: Login = SILENT,
): Promise<ScriptEnd> {
  const own = ['fedloom', ...parameters];
  const options = withOptions([...login.options, ...(ssh?.options ?? [])]);
  const [program, args] =
    ssh === undefined
      ? ['sh', ['-c', script, ...own]]
      : ['ssh', ['-T', ...options, ...sshPlace(ssh, host), remoteScript(script, own)]];
  const quiet = login.asks !== true;
  const child = spawn(program, args, {
    stdio: [quiet ? 'ignore' : 'inherit', 'pipe', quiet ? 'pipe' : 'inherit'],
    env: { ...process.env, ...login.environment },
  });
  const lines = new LastLines(LINES_KEPT);
  let stdout = '';
  let firstOutputMs: number | undefined;
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    firstOutputMs ??= Date.now();
    if (stdout.length < OUTPUT_CHARACTERS_MAX) stdout += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => lines.add(text));
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ code: undefined, stdout, lines: [error.message] }));
    child.once('close', (code) => {
      const first = firstOutputMs === undefined ? {} : { firstOutputMs };
      resolve({ code: code ?? undefined, stdout, ...first, lines: lines.all() });
    });
  });
}
