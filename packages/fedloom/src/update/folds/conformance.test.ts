import { type FoldSuiteOptions, foldSuite } from '../../conformance/fold-suite.js';
import { describeSuite } from '../../conformance/testing/describe-suite.js';
import { formatCall } from '../../core/call-text.js';
import type { Fold } from '../fold-contract.js';
import { meanFold } from '../mean-fold.js';
import { krum, multiKrum } from './krum.js';
import { median } from './median.js';
import { trimmedMean } from './trimmed-mean.js';

function describeFold(make: () => Fold, options?: FoldSuiteOptions): void {
  const { name, options: settings } = make();
  describeSuite(`fold ${formatCall(name, settings)}`, foldSuite(make, options));
}

describeFold(meanFold);
describeFold(meanFold, { updates: 60 });
describeFold(median);
describeFold(median, { updates: 60 });
describeFold(() => trimmedMean({ trim: 0 }));
describeFold(() => trimmedMean({ trim: 3 }));
describeFold(() => krum({ f: 0 }));
describeFold(() => krum({ f: 3 }));
describeFold(() => multiKrum({ f: 3 }));
describeFold(() => multiKrum({ f: 2, m: 1 }));
describeFold(() => multiKrum({ f: 1, m: 9 }));
