/** A process that hosts clients of the federation that trains nothing. */
import { joinFederation } from 'fedloom';
import { noopTask } from '../noop-task.js';
import { done, input } from './parent.js';

export interface HostsInput {
  readonly url: string;
  readonly elements: number;
  readonly from: number;
  readonly count: number;
}

const { url, elements, from, count } = await input<HostsInput>();
const dial = url.startsWith('mqtt:') ? { mqtt: (await import('@fedloom/transport-mqtt')).mqttDial() } : {};
await joinFederation(url, { clients: [{ from, count }], task: noopTask(elements), dial });
done();
