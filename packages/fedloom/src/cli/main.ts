/** The command `fedloom`. It and `command-line.ts` are the only places that end the process. */
import { commandLine } from './command-line.js';

void commandLine(process.argv.slice(2));
