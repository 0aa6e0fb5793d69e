import { setFlagsFromString } from 'node:v8';

/** Node 20's V8. Later ones optimize less eagerly of themselves. */
const EAGER = process.versions.v8.startsWith('11.3.');
/** Bytes of bytecode a function runs before V8 thinks of optimizing it. */
const USUAL = 66 * 1024;
const LATER = 300_000;

interface State {
  wanted: boolean;
  starting: number;
}

const KEY = Symbol.for('fedloom.optimizing');
const shared = globalThis as { [KEY]?: State };
/** One for all bundles that this thread has loaded. */
const state: State = shared[KEY] ?? { wanted: false, starting: 0 };
shared[KEY] = state;

/**
 * Has this process optimize functions later. V8 11 optimizes whatever has run a little, on threads that take the cores from
 * the run: a fifth of a short run's processor time. What runs long is optimized all the same.
 *
 * Only for a process of one's own, and when its modules are loaded: compiled code, Node's own included, is taken by V8 only
 * with the flags it was made with. For the same reason it is as usual while threads start.
 */
export function optimizeLater(): void {
  state.wanted = true;
  apply();
}

/** Until as many calls of `threadStarted`, this process optimizes as usual. */
export function threadStarting(): void {
  state.starting += 1;
  apply();
}

export function threadStarted(): void {
  state.starting -= 1;
  apply();
}

/** Does what makes or takes compiled code, with the flags that a process has when it starts. */
export function optimizingAsUsual<T>(work: () => T): T {
  state.starting += 1;
  apply();
  try {
    return work();
  } finally {
    state.starting -= 1;
    apply();
  }
}

function apply(): void {
  if (EAGER && state.wanted) setFlagsFromString(`--interrupt-budget=${state.starting > 0 ? USUAL : LATER}`);
}
