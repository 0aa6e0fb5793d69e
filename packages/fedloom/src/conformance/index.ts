/**
 * fedloom/testing: what an implementation of one of fedloom's extension points must do, as cases that any test framework
 * can run, since each is a name and a function that rejects when the contract is broken:
 *
 * @example for (const { name, run } of transportSuite(() => myTransport())) test(name, run);
 */
export { algorithmSuite } from './algorithm-suite.js';
export { type FoldSuiteOptions, foldSuite } from './fold-suite.js';
export { type JobPoolUnderTest, jobPoolSuite } from './job-pool-suite.js';
export { type LayerUnderTest, layerSuite } from './layer-suite.js';
export { lossSuite } from './loss-suite.js';
export { optimizerSuite } from './optimizer-suite.js';
export { partitionerSuite } from './partitioner-suite.js';
export { type PrimitiveInput, type PrimitiveUnderTest, primitiveSuite } from './primitive-suite.js';
export { samplerSuite } from './sampler-suite.js';
export { stageSuite } from './stage-suite.js';
export type { ConformanceCase } from './suite.js';
export { type TransportUnderTest, transportSuite } from './transport-suite.js';
