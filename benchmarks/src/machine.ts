import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';

const GIB = 2 ** 30;
/** Other work on the machine, in cores, from which on figures are not to be trusted. */
const LOAD_PER_CORE_MAX = 0.25;

/** Where and when figures were made. */
export interface Machine {
  readonly date: string;
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly platform: string;
  readonly node: string;
  readonly onnxruntime: string;
  readonly torch: string | null;
  /** Mean number of running processes over the last minute, before the first measurement. */
  readonly loadAverage: number;
}

export function describeMachine(torch: string | null): Machine {
  return {
    date: new Date().toISOString(),
    processor: cpus()[0]?.model.trim() ?? 'unknown processor',
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / GIB),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    onnxruntime: versionOf('@fedloom/onnxruntime'),
    torch,
    loadAverage: loadavg()[0] ?? 0,
  };
}

export function machineLines(machine: Machine): string[] {
  const { processor, cores, memoryGiB, platform, node, onnxruntime, torch, loadAverage, date } = machine;
  const lines = [
    `${processor}, ${cores} cores, ${memoryGiB} GiB, ${platform}; ${date}`,
    `Node ${node}, onnxruntime-node ${onnxruntime}, PyTorch ${torch ?? 'not installed'}; load average at the start ${loadAverage.toFixed(2)}`,
  ];
  if (loadAverage > LOAD_PER_CORE_MAX * cores) {
    lines.push(
      `WARNING: the machine was busy with other work (load ${loadAverage.toFixed(2)} on ${cores} cores): do not quote these figures.`,
    );
  }
  return lines;
}

/** The package does not export its package.json, so it is looked for beside its entry. */
function versionOf(name: string): string {
  let folder = new URL('.', `file://${createRequire(import.meta.url).resolve(name)}`);
  for (;;) {
    try {
      const found = JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')) as Record<string, unknown>;
      if (found.name === name) return String(found.version);
    } catch {
      // Not in this folder.
    }
    const parent = new URL('..', folder);
    if (parent.href === folder.href) return 'unknown';
    folder = parent;
  }
}
