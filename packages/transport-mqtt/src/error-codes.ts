/** Why a broker cannot be used. */
export type BrokerTrouble =
  | 'refused'
  | 'unknown-host'
  | 'timeout'
  | 'login'
  | 'certificate'
  /** It does not speak TLS. */
  | 'tls'
  | 'version'
  | 'topic'
  | 'packet-size'
  | 'cancelled'
  | 'network';

/** The errors of this transport beside those of all transports: code and fields. */
export interface MqttErrors {
  'mqtt.broker': { readonly broker: string; readonly reason: BrokerTrouble };
  'mqtt.prefix-taken': { readonly broker: string; readonly prefix: string };
}

declare module '@fedloom/engine/base' {
  interface ErrorFields extends MqttErrors {}
}
