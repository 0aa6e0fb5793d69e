import { describe, expect, it } from 'vitest';
import {
  byteCount,
  hostAndPort,
  normalizeArguments,
  oneOf,
  secondsOrNone,
  serverUrl,
  setting,
  wholeNumber,
} from './arguments.js';

describe('normalizeArguments', () => {
  it("knows FedML's names, with and without =", () => {
    expect(normalizeArguments(['run', '--client_num_in_total', '9', '--comm_round=3'])).toEqual([
      'run',
      '--clients',
      '9',
      '--rounds=3',
    ]);
    expect(normalizeArguments(['--client_num_per_round=2', '--frequency_of_the_test=5'])).toEqual([
      '--per-round=2',
      '--evaluate-every=5',
    ]);
  });

  it.each([
    ['run t.ts --processes', 'run t.ts --processes=auto'],
    ['run t.ts --processes 2', 'run t.ts --processes=2'],
    ['run --processes 2 t.ts 10 5', 'run --processes=2 t.ts 10 5'],
    ['run --processes t.ts 10 5 3', 'run --processes=auto t.ts 10 5 3'],
    ['run t.ts 10 5 3 --processes 2 --json', 'run t.ts 10 5 3 --processes=2 --json'],
    ['run t.ts --processes 2 10 5 3', 'run t.ts --processes=2 10 5 3'],
    ['run t.ts --processes --seed 3', 'run t.ts --processes=auto --seed 3'],
    ['run t.ts --processes=2 10 5 3', 'run t.ts --processes=2 10 5 3'],
  ])('takes the number behind --processes for its value: %s', (given, normal) => {
    expect(normalizeArguments(given.split(' ')).join(' ')).toBe(normal);
  });

  it('refuses --processes before three numbers, which may be all of the places or not', () => {
    const message = '"--processes 10 5 3" can be read in two ways. Write --processes=P, or put --processes behind';
    expect(() => normalizeArguments('run t.ts --processes 10 5 3'.split(' '))).toThrow(message);
  });

  it('leaves all other arguments as they are', () => {
    const args = ['run', 'a=b.ts', '--set', 'x=y=z', '--unknown_thing', ''];
    expect(normalizeArguments(args)).toEqual(args);
  });
});

describe('values', () => {
  it('whole numbers within their range', () => {
    const parse = wholeNumber('--workers', 1, 8);
    expect(parse('8')).toBe(8);
    for (const wrong of ['0', '9', '-1', '1.0', '1e0', '', ' 1', '0x1', 'one', '9'.repeat(30)]) {
      expect(() => parse(wrong)).toThrow(`--workers must be a whole number from 1 to 8, but is "${wrong}".`);
    }
  });

  it('seconds, or none', () => {
    expect(secondsOrNone('--deadline')('1.5')).toBe(1500);
    expect(secondsOrNone('--deadline')('none')).toBe('none');
    // Not 1004.9999999999999, which no timer takes.
    expect(secondsOrNone('--deadline')('1.005')).toBe(1005);
    expect(secondsOrNone('--grace', 'zero')('0')).toBe(0);
    expect(() => secondsOrNone('--grace', 'zero')('-1')).toThrow(
      '--grace must be a number of seconds from 0 to 2147483',
    );
    for (const wrong of ['0', '-1', 'x', '', 'Infinity'])
      expect(() => secondsOrNone('--deadline')(wrong)).toThrow('--deadline');
  });

  it('addresses', () => {
    expect(hostAndPort('127.0.0.1:80')).toEqual({ host: '127.0.0.1', port: 80 });
    expect(hostAndPort('head-node:0')).toEqual({ host: 'head-node', port: 0 });
    expect(hostAndPort('[::1]:9')).toEqual({ host: '::1', port: 9 });
    expect(hostAndPort(':8080')).toEqual({ host: '127.0.0.1', port: 8080 });
    for (const wrong of ['8080', 'host', 'host:70000', 'ws://host:1', '::1:9', 'a b:1']) {
      expect(() => hostAndPort(wrong)).toThrow('--listen must be HOST:PORT');
    }
    expect(serverUrl('wss://head:1/x')).toBe('wss://head:1/x');
    for (const wrong of ['head:1', 'http://head:1', '']) expect(() => serverUrl(wrong)).toThrow('--server must be');
  });

  it('settings add up', () => {
    expect(setting('b=2=3', setting('a=1'))).toEqual(['a=1', 'b=2=3']);
    for (const wrong of ['a', '=1', 'a=', 'a b=1']) expect(() => setting(wrong)).toThrow('--set must be PATH=VALUE');
  });

  it('a number stands at its place or after its option', () => {
    expect(oneOf('ROUNDS', 3, '--rounds', undefined)).toBe(3);
    expect(oneOf('ROUNDS', undefined, '--rounds', 4)).toBe(4);
    expect(oneOf('ROUNDS', 3, '--rounds', 3)).toBe(3);
    expect(oneOf('ROUNDS', undefined, '--rounds', undefined)).toBe(undefined);
    expect(() => oneOf('ROUNDS', 3, '--rounds', 4)).toThrow('ROUNDS is 3, but --rounds is 4.');
  });
});

describe('byteCount', () => {
  it.each([
    ['70000', 70_000],
    ['1kB', 1_000],
    ['500MB', 500e6],
    ['2GiB', 2 ** 31],
    ['1.5 MiB', 1.5 * 2 ** 20],
  ])('reads %s', (text, bytes) => {
    expect(byteCount('--max-body')(text)).toBe(bytes);
  });

  it.each(['', '0', '-1', '2Gi', 'GiB', '1e9', '2 GiB x'])('refuses "%s"', (text) => {
    expect(() => byteCount('--max-body')(text)).toThrow('--max-body must be a size such as 500MB or 2GiB');
  });
});
