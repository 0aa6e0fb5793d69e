/** Calls `run` after the current work and, where the platform lets us, after waiting timers and sockets. */
export function soon(run: () => void): void {
  if (typeof setImmediate === 'function') setImmediate(run);
  else afterMessages(run);
}

let queue: ((run: () => void) => void) | undefined;

/** Not by a timer, which browsers make wait for 4 ms, and for a second and longer in pages that nobody sees. */
function afterMessages(run: () => void): void {
  queue ??= messageQueue();
  queue(run);
}

function messageQueue(): (run: () => void) => void {
  const waiting: (() => void)[] = [];
  const { port1, port2 } = new MessageChannel();
  (port1 as unknown as { onmessage: () => void }).onmessage = () => waiting.shift()?.();
  return (run) => {
    waiting.push(run);
    port2.postMessage(undefined);
  };
}
