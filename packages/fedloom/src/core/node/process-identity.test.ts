import { existsSync } from 'node:fs';
import { hostname, uptime } from 'node:os';
import { describe, expect, it } from 'vitest';
import { isGone, thisProcess } from './process-identity.js';

const NOW_MS = Date.now();
const startedMs = NOW_MS - process.uptime() * 1000;
const bootedMs = NOW_MS - uptime() * 1000;
const bare = { pid: process.pid, host: hostname() };

describe('isGone', () => {
  it('knows this process for alive', () => {
    expect(isGone(thisProcess(), NOW_MS)).toBe(false);
    expect(isGone(bare, NOW_MS)).toBe(false);
  });

  it("says nothing of another machine's", () => {
    expect(isGone({ pid: 2 ** 30, host: 'elsewhere' }, 0)).toBe(false);
  });

  it('knows by the number, where nothing else is told', () => {
    expect(isGone({ ...bare, pid: 2 ** 30 }, NOW_MS)).toBe(true);
    // The same number before the machine was started, and before this process was: a container gives 1 again and again.
    expect(isGone(bare, bootedMs - 60_000)).toBe(true);
    expect(isGone(bare, (startedMs + bootedMs) / 2)).toBe(true);
  });

  it.runIf(existsSync('/proc/self/stat'))(
    'knows a number that was given again, and a machine that was started anew',
    () => {
      const self = thisProcess();
      expect(self).toMatchObject({
        boot: expect.stringMatching(/^[0-9a-f-]{36}$/),
        startTicks: expect.stringMatching(/^\d+$/),
      });
      expect(isGone({ ...self, startTicks: `${Number(self.startTicks) - 1}` }, NOW_MS)).toBe(true);
      expect(isGone({ ...self, boot: 'another' }, NOW_MS)).toBe(true);
      // A clock that was set forward does not make a living process gone.
      expect(isGone(self, bootedMs - 60_000)).toBe(false);
    },
  );
});
