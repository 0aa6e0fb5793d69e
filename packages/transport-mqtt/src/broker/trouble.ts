import { type ErrorOf, FedloomError, isFedloomError } from '@fedloom/engine/base';
import type { BrokerTrouble } from '../error-codes.js';

/** Reason codes of CONNACK in which a broker turns somebody away, of 3.1.1 and of 5. */
const LOGIN = [4, 5, 134, 135, 138, 140];
const VERSION = [1, 132];

const ADVICE: Readonly<Record<BrokerTrouble, string>> = {
  refused: 'is not there (connection refused). Start it, or check the address.',
  'unknown-host': 'has a host name that is not known. Check the address.',
  timeout: 'did not answer in time. Check the address and the firewall between.',
  login:
    'refused the login. Check user and password, or the certificate where it asks for one (--tls-cert and --tls-key of a client), and ' +
    'what the broker lets this user do.',
  certificate:
    'could not be trusted, or did not trust this end. Check the certificates (--tls-ca, --tls-cert and --tls-key of a client; ' +
    '--broker-ca, --broker-cert and --broker-key), and the name in the address.',
  tls: 'does not speak TLS: its address begins with mqtt://, or it was started without a certificate.',
  version: 'does not speak this version of MQTT.',
  topic: 'refused a topic.',
  'packet-size': 'does not let packets of this size through.',
  cancelled: 'was not awaited any longer.',
  network: 'cannot be used.',
};

/** What went wrong on the way to a broker, as one error that says how to mend it. */
export function connectTrouble(broker: string, cause: unknown, version: 4 | 5): ErrorOf<'mqtt.broker'> {
  if (isFedloomError(cause, 'mqtt.broker')) return cause;
  const reason = reasonOf(cause, version);
  const detail = reason === 'network' || reason === 'certificate' || reason === 'login' ? ` (${textOf(cause)})` : '';
  const other = broker.startsWith('mqtt:')
    ? 'speaks TLS, its address begins with mqtts://'
    : 'does not speak TLS, its address begins with mqtt://';
  const hint = reason === 'network' ? ` If it ${other}.` : '';
  return troubleOf(broker, reason, `${ADVICE[reason]}${detail}${hint}`, cause);
}

export function troubleOf(
  broker: string,
  reason: BrokerTrouble,
  what: string,
  cause?: unknown,
): ErrorOf<'mqtt.broker'> {
  const error = new FedloomError('mqtt.broker', `The broker at ${broker} ${what}`, { broker, reason }, { cause });
  return error as FedloomError & ErrorOf<'mqtt.broker'>;
}

function reasonOf(cause: unknown, version: 4 | 5): BrokerTrouble {
  const { code, name, message } = (cause ?? {}) as {
    readonly code?: unknown;
    readonly name?: string;
    readonly message?: string;
  };
  if (name === 'AbortError') return 'cancelled';
  if (typeof code === 'number') {
    if (LOGIN.includes(code)) return 'login';
    if (VERSION.includes(code)) return 'version';
    return 'network';
  }
  switch (code) {
    case 'ECONNREFUSED':
      return 'refused';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'unknown-host';
    case 'ETIMEDOUT':
      return 'timeout';
    default:
  }
  if (/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG/.test(String(code))) return 'tls';
  // It may be going down just then.
  if (/before secure TLS/.test(String(message))) return 'network';
  if (/^(?:ERR_TLS|ERR_SSL|CERT|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED|EPROTO)/.test(String(code))) return 'certificate';
  if (/TLS|certificate/i.test(String(message))) return 'certificate';
  if (/timeout|connack timeout/i.test(String(message))) return 'timeout';
  // A broker that does not know version 5 may just close.
  return version === 5 && /closed the connection|Malformed/.test(String(message)) ? 'version' : 'network';
}

function textOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
