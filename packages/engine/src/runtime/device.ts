import { FedloomError } from '../errors.js';

/** What a plan is trained on: the processor, or a GPU of NVIDIA's, the first or that of a number. */
export type ComputeDevice = 'cpu' | 'cuda' | `cuda:${number}`;

/** As ONNX Runtime takes it. */
export type Provider = 'cpu' | { readonly name: 'cuda'; readonly deviceId: number };

/** @throws FedloomError `backend.device` */
export function deviceOf(device = 'cpu'): Provider {
  if (device === 'cpu') return 'cpu';
  const [, number = '0'] = /^cuda(?::(\d{1,3}))?$/.exec(device) ?? refuse(device);
  return { name: 'cuda', deviceId: Number(number) };
}

function refuse(device: string): never {
  throw new FedloomError('backend.device', `'${device}' is no device: take cpu, cuda or cuda:1.`, { device });
}
