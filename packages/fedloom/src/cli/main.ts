/** The command `fedloom`. It and `command-line.ts` are the only places that end the process. */
import { optimizeLater } from '../compute/node/optimizing.js';
import { threadsAhead } from './threads-ahead.js';

const args = process.argv.slice(2);
// Started before the rest of the command is loaded: both take as long.
const threads = threadsAhead(args);
void import('./command-line.js').then(({ commandLine }) => {
  optimizeLater();
  return commandLine(args, threads);
});
