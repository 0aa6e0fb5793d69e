import { describe, expect, test } from 'vitest';
import { Proxies } from './proxies.js';

describe('whose connection it is, behind proxies', () => {
  const proxies = new Proxies(['127.0.0.1', '10.1.0.0/16', 'fd00::/8']);

  test.each([
    ['the one that the proxy saw', '127.0.0.1', '203.0.113.7', '203.0.113.7'],
    ['the last one that is no proxy', '10.1.2.3', '198.51.100.1, 203.0.113.7, 10.1.9.9', '203.0.113.7'],
    ['of IPv6, too', 'fd00::1', '2001:db8::7', '2001:db8::7'],
    ['of IPv4 that came by IPv6', '::ffff:127.0.0.1', '203.0.113.7', '203.0.113.7'],
    ['nobody believes who is no proxy', '203.0.113.9', '198.51.100.1', undefined],
    ['a header that holds no address', '127.0.0.1', '203.0.113.7, <b>', undefined],
    ['no header', '127.0.0.1', undefined, undefined],
    ['proxies alone', '127.0.0.1', '10.1.0.1', undefined],
    ['no address at all', undefined, '203.0.113.7', undefined],
  ])('%s', (_, remote, forwarded, client) => {
    expect(proxies.clientOf(remote, forwarded)).toBe(client);
  });

  test('without proxies, nobody is believed', () => {
    expect(new Proxies([]).clientOf('127.0.0.1', '203.0.113.7')).toBeUndefined();
  });

  test.each(['', 'proxy.example', '10.0.0.0/33', '10.0.0.0/8/8', '10.0.0.0/', '10.0.0.0/x', '::/129'])(
    '"%s" is neither an address nor a net',
    (text) => {
      expect(() => new Proxies([text])).toThrow(expect.objectContaining({ code: 'transport.options' }));
    },
  );
});
