import { Writable } from 'node:stream';
import { Screen } from '../report/screen.js';

/**
 * The screen of a rank that is not the first: its lines go to stderr and say whose they are, so that those of the run stay
 * readable. What a task's own code logs goes there too.
 */
export async function openRankScreen(rank: number, host: string): Promise<Screen> {
  const prefix = `[rank ${rank} ${host}] `;
  const stream = new Writable({
    decodeStrings: false,
    write: (chunk: string | Buffer, _encoding, done) => {
      const lines = String(chunk).replace(/\n$/, '').split('\n');
      // One write a line: launchers mix the output of ranks between writes.
      for (const line of lines) process.stderr.write(`${prefix}${line}\n`);
      done();
    },
  });
  const screen = await Screen.open(stream, process.env);
  globalThis.console = screen.console();
  return screen;
}
