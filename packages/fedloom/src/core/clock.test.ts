import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { systemClock } from './clock.js';

describe('systemClock', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it('fires once after the delay', () => {
    const fire = vi.fn();
    systemClock.setTimer(50, fire);
    vi.advanceTimersByTime(49);
    expect(fire).not.toHaveBeenCalled();
    vi.advanceTimersByTime(1000);
    expect(fire).toHaveBeenCalledTimes(1);
  });

  it('does not fire once cancelled', () => {
    const fire = vi.fn();
    systemClock.setTimer(50, fire)();
    vi.advanceTimersByTime(100);
    expect(fire).not.toHaveBeenCalled();
  });

  it('waits longer than the platform can in one go, and is cancelled there too', () => {
    const days = 24 * 3600 * 1000;
    const fire = vi.fn();
    const cancelled = vi.fn();
    systemClock.setTimer(60 * days, fire);
    const cancel = systemClock.setTimer(60 * days, cancelled);
    vi.advanceTimersByTime(59 * days);
    expect(fire).not.toHaveBeenCalled();
    cancel();
    vi.advanceTimersByTime(2 * days);
    expect(fire).toHaveBeenCalledTimes(1);
    expect(cancelled).not.toHaveBeenCalled();
  });
});
