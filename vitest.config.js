import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

// Tests are compiled with the code and run on what is shipped: worker threads, the command and its child
// processes then load the same files as a user's program does.
export default defineConfig({
  test: {
    include: ['packages/*/dist/**/*.test.js', 'tests/dist/**/*.test.js'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
    // Compiled task files are kept for the next run: not among those of the user who tests.
    env: { XDG_CACHE_HOME: fileURLToPath(new URL('./node_modules/.cache/fedloom-tests', import.meta.url)) },
  },
});
