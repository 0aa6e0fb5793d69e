import { isIP } from 'node:net';
import { FedloomError } from '@fedloom/engine';

/** `name=address`, which may be given more than once. */
export function hostAddress(text: string, before: ReadonlyMap<string, string> = new Map()): Map<string, string> {
  const at = text.indexOf('=');
  const address = text.slice(at + 1);
  if (at > 0 && isIP(address) !== 0) return new Map([...before, [text.slice(0, at), address]]);
  const message = `--address must be NAME=ADDRESS, for instance ComputeNode1=172.18.0.3, but is "${text}".`;
  throw new FedloomError('usage.value', message, { text });
}
