import { type DataSpec, elementCount, type Tensor } from '@fedloom/engine';
import type { ClientDataSource } from '../compute/data-source.js';
import { sampleCountOf } from '../compute/job-pool.js';
import { type ClientIndex, knownClient } from '../core/brands.js';
import { type ArrayInput, toTensor } from '../data/arrays.js';
import { checkExamples } from '../data/check-examples.js';
import type { ClientData, Examples } from '../data/dataset.js';

/** Samples and their labels, as the task's data set holds them: preprocessing is in the plan. */
export interface PageSplit {
  /** Nested lists, a typed array with its shape, or a typed array of one sample after the other. */
  readonly x: ArrayInput;
  /** A label or target for each sample. */
  readonly y: ArrayInput;
}

/** What a client on a page trains on. */
export interface PageData {
  readonly train: PageSplit;
  /** What it evaluates models on. Default: it evaluates nothing. */
  readonly test?: PageSplit;
}

/**
 * Data that a page has given, made what the plan takes.
 * @param given of each client that the page hosts
 */
export function givenData(given: ReadonlyMap<number, PageData>): ClientDataSource {
  const clients = new Map<ClientIndex, ClientData>();
  const dataOf = (client: ClientIndex) => {
    const data = clients.get(client);
    if (data === undefined) throw new Error(`no data of client ${client} were given`);
    return data;
  };
  return {
    async open({ data: spec }) {
      for (const [client, { train, test }] of given) {
        const where = `the data of client ${client}`;
        clients.set(knownClient(client), {
          train: examplesOf(train, spec, where, 'train'),
          ...(test !== undefined && { test: examplesOf(test, spec, where, 'test') }),
        });
      }
    },
    train: (client) => dataOf(client).train,
    test(client) {
      const { test } = dataOf(client);
      return test === undefined || sampleCountOf(test) === 0 ? undefined : test;
    },
  };
}

function examplesOf({ x, y }: PageSplit, spec: DataSpec, where: string, split: 'train' | 'test'): Examples {
  const examples = {
    x: oneAfterTheOther(toTensor(x, spec.x.dtype, `${where}, ${split}: x`), spec.x.shape),
    y: toTensor(y, spec.y.dtype, `${where}, ${split}: y`),
  };
  checkExamples(examples, spec, { where, split });
  return examples;
}

/** A list of numbers as samples, where it is whole ones. */
function oneAfterTheOther(tensor: Tensor, sample: readonly number[]): Tensor {
  const { shape, data } = tensor;
  const width = elementCount(sample);
  if (shape.length !== 1 || sample.length === 0 || width === 0 || data.length % width !== 0) return tensor;
  return { ...tensor, shape: [data.length / width, ...sample] };
}
