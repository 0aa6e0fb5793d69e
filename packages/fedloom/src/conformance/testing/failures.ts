import { expect } from 'vitest';
import type { ConformanceCase } from '../suite.js';

/** Names of the cases that an implementation fails, with what they say. */
export async function failures(cases: readonly ConformanceCase[]): Promise<string> {
  const said: string[] = [];
  for (const { name, run } of cases) {
    await run().catch((error: unknown) => {
      expect(error).toMatchObject({
        code: expect.stringMatching(/^(conformance\.broken|partition\.|aggregate\.|stage\.)/),
      });
      said.push(`${name}: ${(error as Error).message}`);
    });
  }
  return said.join('\n');
}
