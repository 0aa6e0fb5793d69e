import { describe, expect, it } from 'vitest';
import { resolveOptions } from './options.js';
import { type FlatOptions, withRounds } from './testing/driver.js';

const least: FlatOptions = { clients: 10, clientsPerRound: 5, rounds: 3 };

describe('resolveOptions', () => {
  it('has defaults', () => {
    expect(resolveOptions(withRounds(least))).toMatchObject({
      firstRound: 0,
      firstAttempt: 0,
      evaluateEvery: 1,
      minimumClients: 10,
      schedule: {
        name: 'rounds',
        settings: { clientsPerRound: 5, deadlineMs: null, quorum: 3, attemptsMax: 3, sampler: 'fedml' },
      },
      evaluateOnClients: true,
      evaluateOnServer: false,
      evaluateAfterSettlement: false,
      evaluationDeadlineMs: null,
      graceMs: null,
      waitForClientsMs: null,
      noticeEveryMs: null,
      voidRoundsMax: 3,
    });
  });

  it.each([
    ['clients', 0],
    ['clients', 1.5],
    ['clientsPerRound', 0],
    ['clientsPerRound', 11],
    ['rounds', 0],
    ['rounds', Number.NaN],
    ['firstRound', 4],
    ['firstRound', -1],
    ['evaluateEvery', -1],
    ['minimumClients', 0],
    ['minimumClients', 11],
    ['quorum', 0],
    ['quorum', 6],
    ['attemptsMax', -1],
    ['deadlineMs', 0],
    ['deadlineMs', 2 ** 31],
    ['evaluationDeadlineMs', -5],
    ['firstAttempt', -1],
    ['graceMs', -1],
    ['waitForClientsMs', 0],
    ['noticeEveryMs', 0],
    ['voidRoundsMax', 0],
  ])('refuses %s = %d and says what it may be', (option, value) => {
    expect(() => resolveOptions(withRounds({ ...least, [option]: value }))).toThrowError(
      expect.objectContaining({
        code: 'coordinator.options',
        message: expect.stringMatching(`^${option} is ${value}; it must be a whole number from \\d+ to \\d+`),
      }),
    );
  });
});
