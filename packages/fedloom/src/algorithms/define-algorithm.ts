import { type ClientTerms, FedloomError } from '@fedloom/engine';
import type { FederatedAlgorithm, NeededFact } from './algorithm.js';
import { checkedServer } from './checked-server.js';

const FACTS: readonly NeededFact[] = ['initialLoss', 'deltaNorm'];
const NAME = /^[a-z][A-Za-z0-9]*$/;

/**
 * Checks an algorithm and freezes it. Its server update is wrapped so that whatever it returns is checked too: names,
 * shapes and dtypes kept, every element finite. The built-in algorithms use nothing else; `algorithmSuite` of
 * `fedloom/testing` tests what one of your own does.
 * @throws FedloomError `algorithm.definition`.
 */
export function defineAlgorithm(algorithm: FederatedAlgorithm): FederatedAlgorithm {
  const { name, citation, server, client = {} } = algorithm ?? {};
  const { terms, needs = [] } = client;
  requireThat(
    typeof name === 'string' && NAME.test(name),
    name,
    `its name must be camel case, such as fedAvg, but is ${JSON.stringify(name)}`,
  );
  requireThat(
    typeof citation === 'string' && citation.trim() !== '',
    name,
    'it has no citation: say where it comes from, "own work" if it is yours',
  );
  for (const kind of ['initialize', 'update'] as const) {
    requireThat(typeof server?.[kind] === 'function', name, `server.${kind} must be a function`);
  }
  for (const kind of ['weight', 'with'] as const) {
    const given: unknown = algorithm[kind];
    requireThat(given === undefined || typeof given === 'function', name, `${kind} must be a function`);
  }
  for (const fact of needs) {
    requireThat(
      FACTS.includes(fact),
      name,
      `client.needs holds ${JSON.stringify(fact)}; known are ${FACTS.join(', ')}`,
    );
  }
  if (terms !== undefined) checkTerms(name, terms);
  return Object.freeze({ ...algorithm, server: Object.freeze(checkedServer(name, server, terms?.broadcast ?? [])) });
}

function checkTerms(name: string, terms: ClientTerms): void {
  requireThat(
    terms.algorithm === name,
    name,
    `client.terms.algorithm is "${terms.algorithm}"; it must be the algorithm's name`,
  );
  for (const kind of ['broadcast', 'state', 'upload'] as const) {
    const slots = terms[kind];
    requireThat(
      slots.every((slot) => NAME.test(slot)),
      name,
      `client.terms.${kind} must hold camel-case names: ${slots.join(', ')}`,
    );
    requireThat(
      new Set(slots).size === slots.length,
      name,
      `client.terms.${kind} names a slot twice: ${slots.join(', ')}`,
    );
  }
  for (const [scalar, value] of Object.entries(terms.scalars)) {
    requireThat(Number.isFinite(value), name, `client.terms.scalars.${scalar} is ${value}; it must be a finite number`);
    requireThat(
      scalar !== 'learningRate',
      name,
      "client.terms.scalars must not hold learningRate, which is the optimiser's",
    );
  }
  const keeps = terms.state.length > 0 || terms.upload.length > 0;
  requireThat(
    keeps === (terms.finish !== undefined),
    name,
    'client.terms.finish must be there exactly where terms.state or terms.upload names a slot',
  );
}

function requireThat(holds: boolean, algorithm: string, what: string): void {
  if (!holds) throw new FedloomError('algorithm.definition', `Algorithm ${algorithm}: ${what}.`, { algorithm });
}
