import type { ScriptEnd } from '../run-script.js';

/**
 * A script for `sh` that prints what a host is like, a line `name value` each. Parameters: the folder that everything runs in, how
 * Node and fedloom are called, as a shell reads it, a task whose plan is wanted (or nothing), and paths that must be there.
 */
export const PROBE = `
echo "time $(date +%s.%N)"
cd "$1" 2>/dev/null || { echo "no-folder $1"; exit 0; }
echo "glibc $(getconf GNU_LIBC_VERSION 2>/dev/null)"
echo "disk $(df -Pk . | awk 'END { print $4 }')"
command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | sed -n 's/^GPU [0-9]*: \\([^(]*\\) (.*/gpu \\1/p'
echo "node $(eval "$2 --version" 2>/dev/null)"
said=$(eval "$3 --version" 2>&1) && echo "fedloom $said" || echo "no-fedloom $(echo "$said" | tail -n 1)"
if [ -n "$4" ]; then
  said=$(eval "$3 doctor --print-plan \\"\\$4\\"" 2>&1) && echo "plan $said" || echo "no-plan $(echo "$said" | tail -n 1)"
fi
shift 4
for path; do
  [ -e "$path" ] || echo "missing $path"
done
echo "done"
`.trim();

/** What a host is like; absent is what it did not say. */
export interface HostFacts {
  /** How far its clock is ahead of this machine's, to some milliseconds. */
  readonly clockAheadMs?: number;
  /** The folder that everything is to run in is there. */
  readonly folder: boolean;
  /** `2.36`; absent where the C library is another. */
  readonly glibc?: string;
  readonly diskBytes?: number;
  /** Names of its GPUs, as the driver of NVIDIA has them. */
  readonly gpus: readonly string[];
  /** `20.19.0` */
  readonly node?: string;
  /** `0.1.0` */
  readonly fedloom?: string;
  /** What fedloom said in place of its version. */
  readonly noFedloom?: string;
  /** Hash of the task's plan there. */
  readonly plan?: string;
  readonly noPlan?: string;
  /** Paths that are not there. */
  readonly missing: readonly string[];
}

/** @returns undefined where the probe did not come to its end */
export function readFacts({ stdout, firstOutputMs }: ScriptEnd): HostFacts | undefined {
  const said = stdout.split('\n').map((line): [string, string] => {
    const at = line.indexOf(' ');
    return at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1).trim()];
  });
  const all = (name: string) => said.filter(([own, value]) => own === name && value !== '').map(([, value]) => value);
  const value = <N extends string>(name: N, of: string) => {
    const [found] = all(of);
    return found === undefined ? {} : ({ [name]: found } as { readonly [K in N]?: string });
  };
  const folder = all('no-folder').length === 0;
  if (folder && !said.some(([name]) => name === 'done')) return undefined;
  // Some systems know no nanoseconds, and print the letter.
  const timeMs = 1000 * Number.parseFloat(all('time')[0] ?? '');
  const glibc = /^glibc (\S+)$/.exec(all('glibc')[0] ?? '')?.[1];
  const node = /^v(\S+)$/.exec(all('node')[0] ?? '')?.[1];
  const disk = Number(all('disk')[0] ?? 'none');
  return {
    folder,
    ...(Number.isFinite(timeMs) && firstOutputMs !== undefined && { clockAheadMs: timeMs - firstOutputMs }),
    ...(glibc !== undefined && { glibc }),
    ...(Number.isFinite(disk) && { diskBytes: 1024 * disk }),
    ...(node !== undefined && { node }),
    ...value('fedloom', 'fedloom'),
    ...value('noFedloom', 'no-fedloom'),
    ...value('plan', 'plan'),
    ...value('noPlan', 'no-plan'),
    gpus: all('gpu'),
    missing: all('missing'),
  };
}
