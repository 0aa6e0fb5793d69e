/** Part of `npm run build`: compiles the addon where the machine can, so that the first run need not. */
import { FedloomError, freeBytes, uninitializedBytes } from 'fedloom';
import { buildIfPossible } from './addon/load-addon.js';
import { versionOf } from './launched.js';

try {
  const library = await buildIfPossible({ FedloomError, freeBytes, uninitializedBytes });
  if (library !== undefined) console.log(`MPI addon for ${versionOf(library)}`);
} catch (error) {
  // Who uses MPI is told again.
  console.warn(`MPI addon not built: ${error instanceof Error ? error.message : error}`);
}
