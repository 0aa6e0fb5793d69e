import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { watchOwnAddress } from './own-address.js';

describe('the near end of a connection', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  /** Watches an address of a machine that has `first`, then `later`. @returns how often its loss was told */
  function losses(address: string | undefined, first: readonly string[], later: readonly string[]): number {
    let own = first;
    const lost = vi.fn();
    watchOwnAddress(address, lost, 10, () => own);
    vi.advanceTimersByTime(100);
    expect(lost).not.toHaveBeenCalled();
    own = later;
    vi.advanceTimersByTime(100);
    return lost.mock.calls.length;
  }

  it.each([
    ['that is gone', '10.0.0.4', ['127.0.0.1', '10.0.0.4'], ['127.0.0.1', '10.0.0.7'], 1],
    ['that is gone, of an IPv6 socket', '::ffff:10.0.0.4', ['10.0.0.4'], [], 1],
    ['that is gone, with its interface', 'fe80::1%eth0', ['fe80::1'], ['fe80::2'], 1],
    ['that stays', '10.0.0.4', ['10.0.0.4'], ['10.0.0.7', '10.0.0.4'], 0],
    ['of loopback', '127.0.0.2', ['127.0.0.2'], [], 0],
    ['that was never listed', '10.0.0.4', ['10.0.0.9'], [], 0],
    ['of a socket that is gone', undefined, ['10.0.0.4'], [], 0],
  ])('%s', (_, address, first, later, count) => {
    expect(losses(address, first, later)).toBe(count);
  });

  it('is watched no longer once the connection has closed', () => {
    let own = ['10.0.0.4'];
    const lost = vi.fn();
    const stop = watchOwnAddress('10.0.0.4', lost, 10, () => own);
    stop();
    own = [];
    vi.advanceTimersByTime(100);
    expect(lost).not.toHaveBeenCalled();
  });

  it('is found among those of this machine', () => {
    const lost = vi.fn();
    watchOwnAddress('::1', lost, 10);
    vi.advanceTimersByTime(100);
    expect(lost).not.toHaveBeenCalled();
  });
});
