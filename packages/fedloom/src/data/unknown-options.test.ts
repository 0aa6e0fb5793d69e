import { expect, it } from 'vitest';
import { arrays } from './arrays.js';
import { dirichlet } from './dirichlet.js';
import { parquet } from './node/csv/parquet.js';
import { mnist } from './node/mnist.js';
import { pathological } from './pathological.js';
import { quantitySkew } from './quantity-skew.js';
import { shards } from './shards.js';

const split = { x: [[0], [1]], y: [0, 1] };

it.each<[says: RegExp, make: () => unknown]>([
  [
    /^dirichlet: minimun is no option of it\. Did you mean "minimum"\.$/,
    () => dirichlet({ alpha: 1, minimun: 3 } as never),
  ],
  [/^pathological: foo is no option of it\. Known are classes\.$/, () => pathological({ classes: 2, foo: 1 } as never)],
  [
    /^quantitySkew: options must be an object with alpha, minimum, not undefined\.$/,
    () => quantitySkew(undefined as never),
  ],
  [/^shards: options must be an object with perClient, not 3\.$/, () => shards(3 as never)],
  [
    /^arrays: there is no option clases\. Did you mean "classes"\?$/,
    () => arrays({ train: split, clases: 2 } as never),
  ],
  [
    /^arrays\("arrays"\), train split: there is no option colums\. Did you mean "columns"\?$/,
    () => arrays({ train: { ...split, colums: {} }, classes: 2 } as never),
  ],
  [/^mnist: there is no option dirr\. Did you mean "dir"\?$/, () => mnist({ dirr: '.' } as never)],
  [/^mnist: shape must be flat or image, not pictures\.$/, () => mnist({ shape: 'pictures' as never })],
  [/^parquet\('x\.parquet'\): options must be an object/, () => parquet('x.parquet', undefined as never)],
])('%s', (says, make) => {
  expect(make).toThrow(says);
});
