import type { ConformanceCase } from 'fedloom/testing';
import { algorithmSuite, foldSuite, stageSuite } from 'fedloom/testing';
import { describe, test } from 'vitest';
import { partWay } from './own-algorithm.js';
import { midrange } from './own-fold.js';
import { coarse } from './own-stage.js';

describe.each<[string, readonly ConformanceCase[]]>([
  ['fold', foldSuite(midrange)],
  ['fold of many updates', foldSuite(midrange, { updates: 40 })],
  ['stage', stageSuite(coarse)],
  ['algorithm', algorithmSuite(() => partWay({ part: 0.3 }))],
])("a user's own %s passes the published suite", (_what, cases) => {
  for (const { name, run } of cases) test(name, run);
});
