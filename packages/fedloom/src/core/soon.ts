/** Calls `run` after the current work and, where the platform lets us, after waiting timers and sockets. */
export function soon(run: () => void): void {
  if (typeof setImmediate === 'function') setImmediate(run);
  else setTimeout(run, 0);
}
