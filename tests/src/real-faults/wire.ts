import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { root } from '../repository/source-tree.js';

const SCRIPT = join(root, 'tests/src/real-faults/wire.py');

/** What a wire does to packets; delays of one packet and the next differ by up to `jitterMs`, which reorders them. */
export interface WireRules {
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Chance that a packet is lost. */
  readonly loss: number;
  /** Nothing passes. */
  readonly cut: boolean;
}

const missing = missingFor();
/** Where no wire can be made tests of it are skipped, but not where everything must be tested. */
export const skipsWire = missing !== undefined && process.env.CI !== 'true';
export const wireTitle = missing === undefined ? '' : ` (${missing})`;

function missingFor(): string | undefined {
  if (userInfo().uid !== 0) return 'be root';
  if (!existsSync('/dev/net/tun')) return 'needs /dev/net/tun';
  const has = (command: string) => spawnSync(command, ['--version']).error === undefined;
  if (!has('ip')) return 'apt-get install iproute2';
  return has('nsenter') && has('python3') ? undefined : 'apt-get install util-linux python3';
}

/** Two hosts in network namespaces of their own, and the wire between them. Nothing of it reaches the machine's network. */
export class Wire {
  readonly addresses = ['10.203.0.1', '10.203.0.2'] as const;
  readonly #lines: AsyncIterator<string>;

  private constructor(
    private readonly process: ChildProcess,
    lines: AsyncIterator<string>,
    private readonly namespaces: readonly string[],
  ) {
    this.#lines = lines;
  }

  static async open(seed = 0): Promise<Wire> {
    const process = spawn('python3', [SCRIPT, String(seed)], { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
    const first = await lines.next();
    if (first.done === true) throw new Error(`no wire: ${missing ?? 'it ended'}`);
    return new Wire(process, lines, JSON.parse(first.value) as string[]);
  }

  /** Words before a command that is to run at that end. */
  at(end: 0 | 1): readonly string[] {
    return ['nsenter', `--net=${this.namespaces[end]}`];
  }

  /** From now on; settles when it is so. */
  async set(rules: Partial<WireRules>): Promise<void> {
    this.process.stdin?.write(`${JSON.stringify(rules)}\n`);
    await this.#lines.next();
  }

  /** Ends it; processes at its ends lose their network. */
  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once('close', resolve));
    this.process.stdin?.end();
    await ended;
  }
}
