/** A process that hosts clients of the federation that trains nothing. */
import { joinFederation } from 'fedloom';
import { noopTask } from '../noop-task.js';
import { done, input } from './parent.js';

export interface HostsInput {
  readonly url: string;
  /** Of the authority that the server's certificate is from, if it encrypts. */
  readonly ca?: string;
  readonly elements: number;
  readonly from: number;
  readonly count: number;
}

const { url, ca, elements, from, count } = await input<HostsInput>();
const dial = url.startsWith('mqtt:') ? { mqtt: (await import('@fedloom/transport-mqtt')).mqttDial() } : {};
await joinFederation(url, { clients: [{ from, count }], task: noopTask(elements), dial, ...(ca && { tls: { ca } }) });
done();
