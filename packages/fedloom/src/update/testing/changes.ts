import type { NamedTensors, Tensor } from '@fedloom/engine';
import { decodeSafetensors, safetensorsEncoder } from '../../core/safetensors.js';
import { encodeChanges } from '../delta.js';

const encode = safetensorsEncoder();

/** What travels of a client's tensors, as the server decodes it. */
export function changesOf(local: NamedTensors, base: NamedTensors, uploads?: NamedTensors): Map<string, Tensor> {
  return decodeSafetensors(encodeChanges(encode, local, base, uploads));
}

export function changeOf(local: Tensor, base: Tensor): Tensor {
  const change = changesOf(new Map([['w', local]]), new Map([['w', base]])).get('w');
  if (change === undefined) throw new Error('a tensor does not travel');
  return change;
}
