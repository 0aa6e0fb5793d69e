import { FedloomError } from '@fedloom/engine';
import { expect, test } from 'vitest';
import {
  answerChallenge,
  type ClientAuth,
  clientHello,
  commonCapabilities,
  type ServerAuth,
  type ServerHandshakeState,
  stepServerHandshake,
} from './handshake.js';
import { examples } from './testing/messages.js';

const nonce = '00112233445566778899aabbccddeeff';
const start: ServerHandshakeState = { step: 'hello' };

const token: ClientAuth & ServerAuth = {
  name: 'token',
  prove: (given) => `proof of ${given.nonce}`,
  verify(proof, given) {
    if (proof !== `proof of ${given.nonce}`)
      throw new FedloomError('protocol.auth', 'Wrong token.', { method: 'token' });
    return { name: 'hospital-north' };
  },
};

test('hello, challenge, auth lead to accepted', () => {
  const client = { software: 'fedloom/0.1.0', capabilities: ['resume', 'gossip'] };
  const hello = clientHello(client);
  const first = stepServerHandshake(start, hello, { nonce });
  expect(first.reply).toEqual({ type: 'challenge', version: 2, methods: ['none'], nonce });
  const { version, reply } = answerChallenge(first.reply!, client);
  expect([version, reply]).toEqual([2, { type: 'auth', method: 'none' }]);
  expect(stepServerHandshake(first.state, reply, { nonce })).toEqual({
    state: {
      step: 'accepted',
      version: 2,
      software: 'fedloom/0.1.0',
      capabilities: ['resume', 'gossip'],
      method: 'none',
    },
  });
});

test('a client names its run beside its proof', () => {
  const { state, reply } = stepServerHandshake(start, examples.hello, { nonce, methods: [token] });
  const { reply: auth } = answerChallenge(reply!, { software: '', methods: [token], run: 'digits' });
  expect(auth).toEqual({ type: 'auth', method: 'token', proof: `proof of ${nonce}`, run: 'digits' });
  expect(stepServerHandshake(state, auth, { nonce, methods: [token] }).state).toMatchObject({ run: 'digits' });
});

test('the highest common version is taken; without one both sides are named', () => {
  const hello = { ...examples.hello, capabilities: [], versions: [1, 2, 3, 9] };
  expect(stepServerHandshake(start, hello, { nonce, versions: [1, 2, 3] }).reply?.version).toBe(3);
  expect(() => stepServerHandshake(start, { ...hello, versions: [7, 8] }, { nonce })).toThrow(
    expect.objectContaining({
      code: 'protocol.version',
      fields: { theirs: [7, 8], ours: [2] },
      message: expect.stringMatching(/7, 8.*2/),
    }),
  );
  expect(() => answerChallenge({ ...examples.challenge, version: 4 }, { software: '' })).toThrow(
    expect.objectContaining({ code: 'protocol.version' }),
  );
});

test('a required capability must be there; others are left out', () => {
  const announced = ['!masks', 'resume'];
  expect(() => commonCapabilities(announced, ['resume'])).toThrow(
    expect.objectContaining({ code: 'protocol.capability', fields: { capability: 'masks' } }),
  );
  expect(commonCapabilities(announced, ['masks', 'compress'])).toEqual(['masks']);
});

test('auth methods are tried in the order of the server; a wrong proof is refused', () => {
  const options = { nonce, methods: [token] };
  const { state, reply } = stepServerHandshake(start, { ...examples.hello, capabilities: [] }, options);
  const { reply: auth } = answerChallenge(reply!, { software: '', methods: [token] });
  expect(stepServerHandshake(state, auth, options).state).toMatchObject({
    step: 'accepted',
    identity: { name: 'hospital-north' },
  });
  const refused = expect.objectContaining({ code: 'protocol.auth' });
  expect(() => stepServerHandshake(state, { ...auth, proof: 'guess' }, options)).toThrow(refused);
  expect(() => stepServerHandshake(state, { type: 'auth', method: 'none' }, options)).toThrow(refused);
  expect(() => answerChallenge(reply!, { software: '' })).toThrow(refused);
});

test('messages out of order are refused', () => {
  const order = expect.objectContaining({ code: 'protocol.order' });
  expect(() => stepServerHandshake(start, examples.join, { nonce })).toThrow(order);
  const { state } = stepServerHandshake(start, { ...examples.hello, capabilities: [] }, { nonce });
  expect(() => stepServerHandshake(state, examples.hello, { nonce })).toThrow(order);
  const accepted = stepServerHandshake(state, examples.auth, { nonce }).state;
  expect(() => stepServerHandshake(accepted, examples.auth, { nonce })).toThrow(order);
  expect(() => answerChallenge(examples.welcome, { software: '' })).toThrow(order);
});
