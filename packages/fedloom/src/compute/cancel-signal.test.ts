import { describe, expect, it } from 'vitest';
import { JobSignal, toAbortSignal } from './cancel-signal.js';

describe('JobSignal', () => {
  it('tells its listeners once, but not those that were taken away', () => {
    const signal = new JobSignal();
    const told: string[] = [];
    const gone = () => told.push('gone');
    signal.addEventListener('abort', () => told.push('one'));
    signal.addEventListener('abort', gone);
    signal.removeEventListener('abort', gone);
    expect(signal.aborted).toBe(false);
    signal.abort();
    signal.abort();
    expect(signal.aborted).toBe(true);
    expect(told).toEqual(['one']);
  });

  it('becomes an AbortSignal, before it aborts or after', () => {
    const signal = new JobSignal();
    const before = toAbortSignal(signal);
    expect(toAbortSignal(signal)).toBe(before);
    expect(before.aborted).toBe(false);
    signal.abort();
    expect(before.aborted).toBe(true);
    const late = new JobSignal();
    late.abort();
    expect(toAbortSignal(late).aborted).toBe(true);
  });

  it('is none where there is an AbortSignal already: that stays what it is', () => {
    const { signal } = new AbortController();
    expect(toAbortSignal(signal)).toBe(signal);
  });
});
