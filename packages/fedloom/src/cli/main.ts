/** The command `fedloom`. It and `command-line.ts` are the only places that end the process. */
import { threadsAhead } from './threads-ahead.js';

const args = process.argv.slice(2);
// Started before the rest of the command is loaded: both take as long.
const threads = threadsAhead(args);
const { commandLine } = await import('./command-line.js');
await commandLine(args, threads);
