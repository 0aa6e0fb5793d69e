import { expect, it } from 'vitest';
import { algorithmSuite } from '../conformance/algorithm-suite.js';
import { describeSuite } from '../conformance/testing/describe-suite.js';
import { fedBn } from './fed-bn.js';

// What comes of it is tested with runs: tests/src/integration/batch-norm.test.ts.
describeSuite('algorithm fedBn', algorithmSuite(fedBn));

it('keeps all of a batch norm with its client, and nothing else', () => {
  const norm = ['1.weight', '1.bias', '1.running_mean', '1.running_var'];
  const choose = fedBn().client?.privateParameters;
  expect(choose?.(['0.weight', ...norm, '11.weight', '11.bias'])).toEqual(norm);
  expect(() => choose?.(['0.weight', '0.bias'])).toThrow(/no batch norm.*batchNorm\(\)/);
});
