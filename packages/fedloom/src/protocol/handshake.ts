import { FedloomError } from '@fedloom/engine';
import type { IndexRange } from '../core/index-ranges.js';
import type { AnyMessage } from './codec.js';
import type { Auth, Challenge, Hello } from './messages.js';

/** Versions of this protocol that this software speaks. */
export const protocolVersions: readonly number[] = [2];

/** What a proof is made for, and holds for alone. */
export interface AuthContext {
  /** The server's, of this connection. */
  readonly nonce: string;
  /** The run that the client names, if it does. */
  readonly run?: string;
  /** What this end knows of the encryption, see `Connection`; absent: there is none. */
  readonly binding?: string;
}

/** How a client proves who it is, in `auth` of `joinFederation`. */
export interface ClientAuth {
  /** Of the method, as the protocol knows it. */
  readonly name: string;
  /** What to send as `auth.proof`. */
  prove(context: AuthContext): string | undefined;
}

/** Who a client has proved to be. */
export interface Identity {
  /** One word. */
  readonly name: string;
  /** The clients of a run that it may be; default: any. */
  readonly clients?: readonly IndexRange[];
  /** What proved it, for the method that asked: a token's id, a public key. */
  readonly provedBy?: string;
}

/** How a server finds out who a client is, in `auth` of `createServer` and `createLobby`. */
export interface ServerAuth {
  readonly name: string;
  /**
   * @returns undefined: anybody
   * @throws FedloomError `protocol.auth` when the proof does not hold
   */
  verify(proof: string | undefined, context: AuthContext): Identity | undefined;
  /**
   * Whether somebody who was let in still is. Asked again whenever `watch` tells of a change: who is not any more is closed upon.
   * Default: as long as the connection lasts.
   */
  holds?(identity: Identity): boolean;
  /**
   * Tells from now on when `holds` may say otherwise than before.
   * @returns ends it; it must not keep the process alive
   */
  watch?(changed: () => void): () => void;
}

/** Takes everybody: for loopback and trusted networks. */
export const noAuth: ClientAuth & ServerAuth = { name: 'none', prove: () => undefined, verify: () => undefined };

export interface ServerHandshakeOptions {
  /** Fresh for every connection, from a cryptographic generator: 16 bytes or more in hexadecimal. */
  readonly nonce: string;
  /** In order of preference; default `[noAuth]`. */
  readonly methods?: readonly ServerAuth[];
  readonly versions?: readonly number[];
  /** What the server knows of the connection's encryption. */
  readonly binding?: string;
}

export type ServerHandshakeState =
  | { readonly step: 'hello' }
  | {
      readonly step: 'auth';
      readonly version: number;
      readonly software: string;
      readonly capabilities: readonly string[];
    }
  | ClientAccepted;

/** The handshake is over but for the server's `welcome`, which is that of a run. */
export interface ClientAccepted {
  readonly step: 'accepted';
  readonly version: number;
  readonly software: string;
  /** As the client announced them: `commonCapabilities` with those of the run are what both have. */
  readonly capabilities: readonly string[];
  /** The run that the client named, if it did. */
  readonly run?: string;
  /** By which it was asked who it is. */
  readonly method: string;
  /** As the auth method names the client; absent: it asked nobody. */
  readonly identity?: Identity;
}

/**
 * One step of the server's side, from `{ step: 'hello' }` to `accepted`; the caller sends `reply` and sets a deadline.
 * @throws FedloomError `protocol.order`, `protocol.version`, `protocol.auth`: fail the channel with it.
 */
export function stepServerHandshake(
  state: ServerHandshakeState,
  message: AnyMessage,
  options: ServerHandshakeOptions,
): { readonly state: ServerHandshakeState; readonly reply?: Challenge } {
  const methods = options.methods ?? [noAuth];
  if (state.step === 'hello') {
    const { versions, software, capabilities } = expectType<Hello>(message, 'hello');
    const version = commonVersion(versions, options.versions ?? protocolVersions);
    const reply: Challenge = {
      type: 'challenge',
      version,
      methods: methods.map(({ name }) => name),
      nonce: options.nonce,
    };
    return { state: { step: 'auth', version, software, capabilities }, reply };
  }
  if (state.step === 'auth') {
    const { method: name, proof, run } = expectType<Auth>(message, 'auth');
    const method = methods.find((known) => known.name === name);
    if (method === undefined) {
      throw new FedloomError(
        'protocol.auth',
        `This server does not take auth method '${name}'; it takes ${quoted(methods)}.`,
        { method: name },
      );
    }
    const { nonce, binding } = options;
    const named = run === undefined ? {} : { run };
    const identity = method.verify(proof, { nonce, ...named, ...(binding !== undefined && { binding }) });
    return {
      state: { ...state, step: 'accepted', method: name, ...named, ...(identity !== undefined && { identity }) },
    };
  }
  throw outOfOrder(message, 'nothing more of the handshake');
}

export interface ClientHandshakeOptions {
  /** `fedloom/0.1.0`. */
  readonly software: string;
  /** With `!` before those that the server must have; default none. */
  readonly capabilities?: readonly string[];
  /** Default `[noAuth]`; the first of the server's list that is here is used. */
  readonly methods?: readonly ClientAuth[];
  readonly versions?: readonly number[];
  /** The run to take part in; default: the only one there is. */
  readonly run?: string;
  /** What the client knows of the connection's encryption. */
  readonly binding?: string;
}

/** The client's first message. */
export function clientHello(options: ClientHandshakeOptions): Hello {
  return {
    type: 'hello',
    versions: options.versions ?? protocolVersions,
    software: options.software,
    capabilities: options.capabilities ?? [],
  };
}

/**
 * The client's answer to the server's first message; `welcome` comes next.
 * @throws FedloomError `protocol.order`, `protocol.version`, `protocol.auth`.
 */
export function answerChallenge(
  message: AnyMessage,
  options: ClientHandshakeOptions,
): { readonly version: number; readonly reply: Auth } {
  const challenge = expectType<Challenge>(message, 'challenge');
  const version = commonVersion([challenge.version], options.versions ?? protocolVersions);
  const methods = options.methods ?? [noAuth];
  for (const name of challenge.methods) {
    const method = methods.find((known) => known.name === name);
    if (method === undefined) continue;
    const { run, binding } = options;
    const named = run === undefined ? {} : { run };
    const proof = method.prove({
      nonce: challenge.nonce,
      ...named,
      ...(binding !== undefined && { binding }),
    });
    return { version, reply: { type: 'auth', method: name, ...(proof !== undefined && { proof }), ...named } };
  }
  throw new FedloomError(
    'protocol.auth',
    `The server asks for auth by ${challenge.methods.map((name) => `'${name}'`).join(' or ')}; this client has ${quoted(methods)}. ` +
      'A token is given by --token-file or FEDLOOM_TOKEN (auth: [proveToken(text)]), a key by --key-file (proveKey).',
    { methods: challenge.methods },
  );
}

function expectType<M extends AnyMessage>(message: AnyMessage, type: M['type']): M {
  if (message.type !== type) throw outOfOrder(message, `'${type}'`);
  return message as M;
}

function outOfOrder(message: AnyMessage, expected: string): FedloomError {
  return new FedloomError('protocol.order', `Message '${message.type}' came where ${expected} was due.`, {
    type: message.type,
  });
}

function commonVersion(theirs: readonly number[], ours: readonly number[]): number {
  const common = theirs.filter((version) => ours.includes(version));
  if (common.length > 0) return Math.max(...common);
  throw new FedloomError(
    'protocol.version',
    `No common protocol version: the other end speaks ${theirs.join(', ')}, this one ${ours.join(', ')}. Update the older of the two.`,
    { theirs, ours },
  );
}

/**
 * The names both ends know, of those that a client announced and those, without `!`, that a run has.
 * @throws FedloomError `protocol.capability`: a name with `!` that we do not know is a feature the client cannot do without
 */
export function commonCapabilities(theirs: readonly string[], ours: readonly string[]): readonly string[] {
  const common: string[] = [];
  for (const asked of theirs) {
    const required = asked.startsWith('!');
    const name = required ? asked.slice(1) : asked;
    if (ours.includes(name)) common.push(name);
    else if (required) {
      throw new FedloomError('protocol.capability', `The client requires '${name}', which this server does not have.`, {
        capability: name,
      });
    }
  }
  return common;
}

function quoted(methods: readonly { readonly name: string }[]): string {
  return methods.map(({ name }) => `'${name}'`).join(', ');
}
