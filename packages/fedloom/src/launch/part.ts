import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { LastLines } from '../core/last-lines.js';
import { ATTENDANT, attended, HEARTBEAT_MS, type PrivateFile } from './attendant.js';
import type { Host } from './hostfile/host.js';
import { LineSplitter } from './line-splitter.js';
import { remoteScript, type SshOptions, sshArguments } from './ssh.js';

const LINES_KEPT = 12;

/** A host and how this machine gets to it. */
export interface Place {
  readonly host: Host;
  /** Undefined: it is this machine. */
  readonly ssh: SshOptions | undefined;
  /** The folder that commands run in there. */
  readonly folder: string;
}

/** A command that is to run on a host. */
export interface PartOptions {
  readonly place: Place;
  /** As a shell reads it. */
  readonly command: string;
  /** Files for it alone, in the folder `$FEDLOOM_PRIVATE`. They are no argument of anything. */
  readonly privateFiles?: readonly PrivateFile[];
  /** For it to leave in order when it is told to. */
  readonly leaveSeconds: number;
  readonly onLine: (line: string, stream: 'stdout' | 'stderr') => void;
}

/** How a command ended. */
export interface PartEnd {
  /** Undefined: it could not be started, or a signal ended whoever started it. */
  readonly code: number | undefined;
  /** `exit code 1`, `signal SIGKILL`. */
  readonly how: string;
  /** The last lines it wrote to stderr. */
  readonly lines: readonly string[];
}

/** A command that runs on a host. It ends with this process, however that ends, and when the line to the host breaks. */
export interface Part {
  readonly ended: Promise<PartEnd>;
  /** Has it leave in order; what stays is killed there. */
  stop(): void;
  /** Waits for nothing. What runs on another machine ends by itself, since the line is gone. */
  kill(): void;
}

export function startPart({ place, command, privateFiles = [], leaveSeconds, onLine }: PartOptions): Part {
  const parameters = attended(place.folder, command, leaveSeconds, privateFiles);
  const [program, args] =
    place.ssh === undefined
      ? ['sh', ['-c', ATTENDANT, ...parameters]]
      : ['ssh', [...sshArguments(place.ssh, place.host), remoteScript(ATTENDANT, parameters)]];
  // In a session of its own: Ctrl-C on the terminal is for this process, which ends its parts in order.
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'], detached: true });
  const last = new LastLines(LINES_KEPT);
  for (const name of ['stdout', 'stderr'] as const) {
    const lines = new LineSplitter((line) => onLine(line, name));
    child[name].setEncoding('utf8').on('data', (text: string) => {
      if (name === 'stderr') last.add(text);
      lines.add(text);
    });
    child[name].once('end', () => lines.end());
  }
  // A part that ends breaks the pipe.
  child.stdin.on('error', () => {});
  for (const { text } of privateFiles) child.stdin.write(text);
  const heartbeat = setInterval(() => child.stdin.write('.'), HEARTBEAT_MS).unref();
  const ended = new Promise<PartEnd>((resolve) => {
    const end = (code: number | undefined, how: string) => {
      clearInterval(heartbeat);
      resolve({ code, how, lines: last.all() });
    };
    child.once('error', (error) => end(undefined, error.message));
    // Not 'exit': its output may still hold lines then.
    child.once('close', (code, signal) => end(code ?? undefined, endingOf(code, signal)));
  });
  return {
    ended,
    stop: () => child.stdin.end(),
    kill: () => {
      child.stdin.destroy();
      // An attendant on this machine has work to do yet, and does not hang.
      if (place.ssh !== undefined) child.kill('SIGKILL');
    },
  };
}

/** Shells tell of a signal by 128 and its number. */
function endingOf(code: number | null, signal: NodeJS.Signals | null): string {
  if (signal !== null) return `signal ${signal}`;
  const name = Object.entries(constants.signals).find(([, number]) => code === 128 + number)?.[0];
  return name === undefined ? `exit code ${code}` : `signal ${name}`;
}
