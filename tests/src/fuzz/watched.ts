import type { Target } from './target.js';

/** Bytes of buffers that one input may leave behind it; what is collected meanwhile does not count. */
const BUFFERS_MAX = 64 << 20;

/**
 * Reads an input, and looks at what that has taken.
 * @throws as the target does, and where its buffers grow beyond what any input of this size needs
 */
export function read({ run, trustsLengths = false }: Target, input: Uint8Array): void | Promise<void> {
  const before = process.memoryUsage().arrayBuffers;
  const checked = () => {
    const grown = process.memoryUsage().arrayBuffers - before;
    if (grown > BUFFERS_MAX && !trustsLengths)
      throw new Error(`${input.length} bytes of input took ${grown} bytes of buffers`);
  };
  // Of its own, as what comes from a line or a file is.
  const done = run(Uint8Array.from(input));
  return done instanceof Promise ? done.then(checked) : checked();
}
