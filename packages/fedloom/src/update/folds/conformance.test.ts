import { foldConformance } from '../testing/fold-conformance.js';
import { krum, multiKrum } from './krum.js';
import { median } from './median.js';
import { trimmedMean } from './trimmed-mean.js';

foldConformance(median);
foldConformance(median, { updates: 60 });
foldConformance(() => trimmedMean({ trim: 0 }));
foldConformance(() => trimmedMean({ trim: 3 }));
foldConformance(() => krum({ f: 0 }));
foldConformance(() => krum({ f: 3 }));
foldConformance(() => multiKrum({ f: 3 }));
foldConformance(() => multiKrum({ f: 2, m: 1 }));
foldConformance(() => multiKrum({ f: 1, m: 9 }));
