import { BlockList, isIP } from 'node:net';
import { FedloomError } from '@fedloom/engine';

/** The proxies whose word on where a connection comes from is taken. */
export class Proxies {
  readonly #list = new BlockList();

  /** @throws FedloomError `transport.options` for what is neither an address nor a net */
  constructor(addresses: readonly string[]) {
    for (const text of addresses) {
      const [address = '', bits, ...more] = text.split('/');
      const kind = isIP(address);
      const most = kind === 4 ? 32 : 128;
      const length = bits === undefined ? most : Number(bits);
      if (kind === 0 || more.length > 0 || !/^\d+$/.test(bits ?? '0') || length > most) throw noAddress(text);
      this.#list.addSubnet(address, length, kind === 4 ? 'ipv4' : 'ipv6');
    }
  }

  /**
   * The address of the client that proxies handed on: the last one of the header that is not a proxy's, for what stands
   * before it was written by whoever is there.
   * @param remote where the connection comes from
   * @param forwarded `X-Forwarded-For`, one address for each hop
   * @returns undefined where `remote` is no proxy, or said nothing that can be read
   */
  clientOf(remote: string | undefined, forwarded: string | undefined): string | undefined {
    if (remote === undefined || forwarded === undefined || !this.#has(remote)) return undefined;
    for (const hop of forwarded.split(',').reverse()) {
      const address = hop.trim();
      if (isIP(address) === 0) return undefined;
      if (!this.#has(address)) return address;
    }
    return undefined;
  }

  #has(address: string): boolean {
    const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
    return this.#list.check(plain, isIP(plain) === 6 ? 'ipv6' : 'ipv4');
  }
}

function noAddress(text: string): FedloomError {
  const message = `behindProxy (--behind-proxy) names addresses or nets of proxies, such as 127.0.0.1 or 10.0.0.0/8; got "${text}".`;
  return new FedloomError('transport.options', message, { option: 'behindProxy', value: text });
}
