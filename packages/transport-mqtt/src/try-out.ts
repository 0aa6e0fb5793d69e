import { randomBytes } from 'node:crypto';
import { FedloomError, isFedloomError } from '@fedloom/engine/base';
import type { BrokerAddress } from './address.js';
import type { BrokerLink } from './broker/link.js';
import { openLink } from './broker/open-link.js';
import type { BrokerOptions } from './broker/options.js';
import { troubleOf } from './broker/trouble.js';
import { mqttDial } from './dial.js';
import { payloadBytes } from './line/packets.js';
import { decodePresence } from './presence.js';
import type { Topics } from './topics.js';

const WAIT_MS = 5_000;
/** How long a server that seems to be there has to answer. */
const ANSWER_MS = 2_000;

/**
 * Finds out, before anybody is let in, what a server would otherwise learn in mid-run. It sends the broker a packet of the
 * greatest size and waits for it to come back, since a broker of MQTT 3.1.1 does not say what it takes: it drops what is too
 * large, or closes. And it looks whether another server is there under the same prefix.
 * @throws FedloomError `mqtt.broker` with the reason `packet-size` or `topic`, `mqtt.prefix-taken`
 */
export async function tryOut(
  address: BrokerAddress,
  { packetBytesMax, broker }: BrokerLink,
  options: BrokerOptions,
  topics: Topics,
): Promise<void> {
  const topic = topics.probe(randomBytes(8).toString('hex'));
  let taken = false;
  let came: (back: boolean) => void = () => {};
  const back = new Promise<boolean>((resolve) => {
    came = resolve;
  });
  const message = (at: string, payload: Uint8Array): void => {
    // What is retained comes before what is published after.
    if (at === topic) came(true);
    else taken = decodePresence(payload)?.state === 'open';
  };
  // A link of its own: the broker may close it for the size alone.
  const link = await openLink(address, options, { message, lost: () => came(false) });
  const timer = setTimeout(() => came(false), WAIT_MS);
  try {
    await link.subscribe([topics.server, topic]);
    link.publish({ topic, payload: new Uint8Array(payloadBytes(packetBytesMax, topic)) }, () => {});
    if (!(await back)) throw tooLarge(broker, packetBytesMax);
  } finally {
    clearTimeout(timer);
    await link.end();
  }
  if (taken && (await answers(address, options))) {
    const { prefix } = address;
    const text = `Another server is there at ${broker} under the prefix '${prefix}'. Choose another: mqtt://HOST:PORT/PREFIX.`;
    throw new FedloomError('mqtt.prefix-taken', text, { broker, prefix });
  }
}

/** A server that was killed a moment ago may seem to be there until the broker has noticed. */
async function answers({ url }: BrokerAddress, options: BrokerOptions): Promise<boolean> {
  try {
    const connection = await mqttDial({ ...options, connectTimeoutMs: ANSWER_MS })(url);
    connection.close('another server looked who is here');
    return true;
  } catch (error) {
    if (isFedloomError(error, 'transport.connect')) return false;
    throw error;
  }
}

function tooLarge(broker: string, packetBytesMax: number): FedloomError {
  const what =
    `does not let packets of ${packetBytesMax} bytes through. Set a smaller size (packetBytesMax, --mqtt-packet-bytes), ` +
    'or raise the limit of the broker (mosquitto: max_packet_size, message_size_limit).';
  return troubleOf(broker, 'packet-size', what);
}
