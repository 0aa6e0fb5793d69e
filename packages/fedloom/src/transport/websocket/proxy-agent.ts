import type { Agent } from 'node:http';
import { FedloomError } from '@fedloom/engine';

/**
 * Connections through an HTTP proxy.
 * @throws FedloomError `transport.options` for what is no address of one; it is not repeated, since it may hold a password
 */
export async function proxyAgent(proxy: string): Promise<Agent> {
  if (URL.canParse(proxy) && /^https?:$/.test(new URL(proxy).protocol)) {
    const { HttpsProxyAgent } = await import('https-proxy-agent');
    return new HttpsProxyAgent(proxy);
  }
  const message =
    'proxy (--proxy, FEDLOOM_PROXY) must be the address of an HTTP proxy, such as http://proxy.example:3128.';
  throw new FedloomError('transport.options', message, { option: 'proxy', value: 'no address' });
}
