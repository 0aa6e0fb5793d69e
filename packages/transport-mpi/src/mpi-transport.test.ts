import { fileURLToPath } from 'node:url';
import { transportSuite } from 'fedloom/testing';
import { expect, it } from 'vitest';
import { describeWithMpi, mpirun } from './testing/mpirun.js';

const script = (name: string) => fileURLToPath(new URL(`./testing/${name}.js`, import.meta.url));
const names = transportSuite(() => {
  throw new Error('only its names are wanted');
}).map(({ name }) => name);

describeWithMpi('the MPI transport', () => {
  it.each([
    ['between two ranks', 'relay', 2],
    ['of a rank with itself', 'self', 1],
    ['of a rank with itself, with more ranks than cores', 'self', 5],
  ])('passes the suite of transports: connections %s', async (_what, how, ranks) => {
    const { code, stdout, stderr } = await mpirun(ranks, [script('suite-rank'), how]);
    const cases = stdout
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line));
    expect(cases.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(cases.map(({ name }) => name)).toEqual(names);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });
});
