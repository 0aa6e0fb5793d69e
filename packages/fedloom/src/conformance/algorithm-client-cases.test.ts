import type { ClientTerms, Graph, TermContext } from '@fedloom/engine';
import { describe, expect, test } from 'vitest';
import type { FederatedAlgorithm } from '../algorithms/algorithm.js';
import { algorithmSuite } from './algorithm-suite.js';
import { tensorOf } from './tensor-values.js';
import { failures } from './testing/failures.js';
import { flawed } from './testing/flawed-algorithm.js';

/** FedAvg whose clients do something beside. */
function withTerms(terms: Partial<ClientTerms>): FederatedAlgorithm {
  const none = { algorithm: 'flawed', scalars: {}, broadcast: [], state: [], upload: [] };
  return flawed({ client: { terms: { ...none, ...terms } } });
}

describe('the suite of algorithms finds in what clients gain', () => {
  test('nothing where it is sound', async () => {
    const gradientTerm = (g: Graph, { parameter, global, scalar }: TermContext) =>
      g.mul(scalar('mu'), g.sub(parameter, global));
    const terms = { gradientTerm, scalars: { mu: 0.1 } };
    expect(await failures(algorithmSuite(() => withTerms(terms)))).toBe('');
    const privateParameters = (names: readonly string[]) => names.slice(-2);
    const scalars = (round: number) => ({ learningRate: 1 / (round + 1) });
    expect(await failures(algorithmSuite(() => flawed({ client: { scalars, privateParameters } })))).toBe('');
  });

  test.each<[string, () => FederatedAlgorithm, RegExp]>([
    [
      'a gradient term of another shape',
      () => withTerms({ gradientTerm: (g, { parameter }) => g.sum(parameter, [0]) }),
      /^its terms give finite.*gradientTerm of parameter "0\.bias" is float32 \[\]; it must be float32 \[2\]/m,
    ],
    [
      'a gradient term that is not finite',
      () => withTerms({ gradientTerm: (g, { parameter }) => g.div(parameter, 0) }),
      /^its terms give finite.*gradientTerm of parameter "0\.bias" in training 0 holds -?Infinity at \[\d\]/m,
    ],
    [
      'a state that grows beyond all bounds from training to training',
      () =>
        withTerms({
          state: ['c'],
          finish: (g, { state, parameter }) => ({
            upload: {},
            state: { c: g.add(g.exp(g.mul(state('c'), 1e3)), parameter) },
          }),
        }),
      /^its terms give finite.*c of parameter "0\.bias" in training \d holds Infinity/m,
    ],
    [
      'an upload that nobody names',
      () =>
        withTerms({
          upload: ['u'],
          finish: (_g, { parameter }) => ({ upload: { u: parameter, v: parameter }, state: {} }),
        }),
      /^its terms give finite.*finish returns the slot "v", which terms\.upload does not name/m,
    ],
    [
      'an upload that never comes',
      () => withTerms({ upload: ['u'], finish: () => ({ upload: {}, state: {} }) }),
      /^its terms give finite.*finish does not return the slot "u", which terms\.upload names/m,
    ],
    [
      'a slot that it did not name',
      () => withTerms({ gradientTerm: (_g, { broadcast }) => broadcast('c') }),
      /^its terms give finite.*ask for the slot "c", which terms\.broadcast does not name/m,
    ],
    [
      'a scalar that it did not name',
      () => withTerms({ gradientTerm: (g, { parameter, scalar }) => g.mul(scalar('mu'), parameter) }),
      /^its terms give finite.*ask for the scalar "mu", which terms\.scalars does not name/m,
    ],
    [
      'terms that chance has a part in',
      () => withTerms({ gradientTerm: (g, { parameter }) => g.mul(parameter, Math.random()) }),
      /^its terms are the same.*what the terms of the same instance make again: training\[0\]/m,
    ],
    [
      'terms that change with each instance',
      (() => {
        let made = 0;
        return () => {
          made += 1;
          const factor = made;
          return withTerms({ gradientTerm: (g, { parameter }) => g.mul(parameter, factor) });
        };
      })(),
      /^its terms are the same.*what the terms of another instance make: training\[0\]/m,
    ],
    [
      'a broadcast that the server lacks',
      () => withTerms({ broadcast: ['c'] }),
      /^its server state holds.*terms\.broadcast names "c", but the state lacks "c\/0\.bias"/m,
    ],
    [
      'a scalar of its terms that is no number',
      () => withTerms({ scalars: { mu: Number.NaN } }),
      /^the scalars of its terms.*terms\.scalars gives mu NaN/m,
    ],
    [
      'scalars that end with some round',
      () => flawed({ client: { scalars: (round) => ({ learningRate: 1 / (7 - round) }) } }),
      /^its scalars are finite.*client\.scalars\(7\) gives learningRate Infinity/m,
    ],
    [
      'scalars that nobody reads',
      () => flawed({ client: { scalars: () => ({ learningrate: 1 }) } }),
      /^its scalars are finite.*client\.scalars\(0\) gives "learningrate", which terms\.scalars does not name/m,
    ],
    [
      'scalars that count their calls',
      () => {
        let calls = 0;
        return flawed({ client: { scalars: () => ({ learningRate: ++calls }) } });
      },
      /^its scalars follow.*asked again in another order: round\[0\]/m,
    ],
    [
      'scalars that change the state',
      () =>
        flawed(
          {
            client: {
              scalars: (_round, state) => {
                for (const { data } of state.values()) data.fill(3 as never);
                return {};
              },
            },
          },
          { initialize: () => new Map([['c/0.bias', tensorOf('float32', [2], [0, 0])]]) },
        ),
      /^its scalars follow.*the state that it was given\["c\/0\.bias"\]\.data\[0\] is 3; it must be 0/m,
    ],
    [
      'private parameters that the model has not',
      () => flawed({ client: { privateParameters: () => ['head.weight'] } }),
      /^its private parameters are some.*chooses "head\.weight", which is not among the names/m,
    ],
    [
      'private parameters that it names twice',
      () => flawed({ client: { privateParameters: ([first = '']) => [first, first] } }),
      /^its private parameters are some.*chooses a name twice: 0\.weight, 0\.weight/m,
    ],
    [
      'private parameters that it draws',
      (() => {
        let calls = 0;
        return () => flawed({ client: { privateParameters: (names) => names.slice(-1 - (calls++ % 5)) } });
      })(),
      /^its private parameters are the same.*what privateParameters chooses again/m,
    ],
    [
      'private parameters that are taken out of the list',
      () => flawed({ client: { privateParameters: (names) => (names as string[]).splice(-2) } }),
      /^its private parameters are the same.*the names that it was given/m,
    ],
    [
      'private parameters beside terms',
      () => {
        const { client, ...rest } = withTerms({});
        return { ...rest, client: { ...client, privateParameters: ([first = '']) => [first] } };
      },
      /^keeps parameters private without terms.*are both there/m,
    ],
  ])('%s', async (_flaw, make, said) => {
    expect(await failures(algorithmSuite(make))).toMatch(said);
  });
});
