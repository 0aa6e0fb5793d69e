import { algorithmSuite } from '../conformance/algorithm-suite.js';
import { describeSuite } from '../conformance/testing/describe-suite.js';
import { fedPer } from './fed-per.js';

// What stays with the clients is tested with runs: tests/src/integration/private-parameters.test.ts.
describeSuite('algorithm fedPer', algorithmSuite(fedPer));
