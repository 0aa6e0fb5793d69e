import { setFlagsFromString } from 'node:v8';

/** Node 20's V8. Later ones optimize less eagerly of themselves. */
const EAGER = process.versions.v8.startsWith('11.3.');
/** Bytes of bytecode a function runs before V8 thinks of optimizing it. */
const USUAL = 66 * 1024;
const LATER = 300_000;

/**
 * Has this process optimize functions later. V8 11 optimizes whatever has run a little, on threads that take the cores from
 * the run: a fifth of a short run's processor time. What runs long is optimized all the same.
 *
 * To be called when Node's own modules are loaded, in this thread and in others: they come with compiled code, which V8 takes
 * only with the flags it was made with.
 */
export function optimizeLater(): void {
  if (EAGER) setFlagsFromString(`--interrupt-budget=${LATER}`);
}

/** Takes `optimizeLater` back: code that V8 is asked for from now on is taken by a process that has just started. */
export function optimizeAsUsual(): void {
  if (EAGER) setFlagsFromString(`--interrupt-budget=${USUAL}`);
}
