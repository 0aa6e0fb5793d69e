import { describe, test } from 'vitest';
import type { ConformanceCase } from '../suite.js';

/** A published suite as tests of ours. */
export function describeSuite(name: string, cases: readonly ConformanceCase[]): void {
  describe(name, () => {
    for (const { name, run } of cases) test(name, run);
  });
}
