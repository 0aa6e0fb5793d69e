import { fileURLToPath } from 'node:url';

/** This package's folder. The same for the files that tsc writes, in `dist/cli/`, and for those bundled, in `dist/command/`. */
export const packageFolder = fileURLToPath(new URL('../..', import.meta.url));
