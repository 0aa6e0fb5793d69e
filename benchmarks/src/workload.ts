import type { Peer } from './peer.js';
import type { Row } from './row.js';

/** What a workload is given. */
export interface BenchContext {
  /** The PyTorch peer; undefined when it is not installed. */
  readonly peer: Peer | undefined;
  readonly quick: boolean;
  /** How often each side is measured; `fallback` when the user did not say. */
  repeats(fallback: number): number;
  /** Progress for people, on standard error. */
  say(line: string): void;
}

/** One thing to measure: a file in `workloads/`. */
export interface Workload {
  readonly name: string;
  /** One line for `--help`. */
  readonly summary: string;
  /** Whether it is measured against PyTorch. */
  readonly comparesWithPyTorch: boolean;
  run(context: BenchContext): Promise<readonly Row[]>;
}
