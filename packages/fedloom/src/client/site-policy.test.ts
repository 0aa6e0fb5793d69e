import { describe, expect, it } from 'vitest';
import { checkSitePolicy, type SitePolicy } from './site-policy.js';

const HASH = `sha256:${'0f'.repeat(32)}`;

describe('a site policy', () => {
  it('may say all of it, or nothing', () => {
    const policy: SitePolicy = {
      servers: ['wss://fed.example:8443'],
      plans: [HASH],
      algorithms: ['fedAvg'],
      refuseAlgorithms: ['scaffold'],
      requireClip: 1.5,
      sampleCountMin: 10,
      trainingsMax: 0,
      evaluationsMax: 5,
      updateBytesMax: 1000,
      withhold: ['meanLoss', 'initialLoss', 'evaluations', 'reasons'],
    };
    expect(checkSitePolicy(policy, 'site.yaml')).toBe(policy);
    expect(checkSitePolicy({}, 'site.yaml')).toEqual({});
  });

  it.each<[unknown, RegExp]>([
    [null, /they are null; give an object such as \{ requireClip: 1 \}/],
    [{ requireClips: 1 }, /there is no option requireClips\. Did you mean "requireClip"/],
    [{ requireClip: '1' }, /requireClip is "1"; it must be a number above 0/],
    [{ servers: ['fed.example'] }, /servers is a list; it must be a list of addresses such as/],
    [{ plans: [HASH.toUpperCase()] }, /plans is a list; it must be a list of hashes/],
    [{ plans: HASH }, /it must be a list of hashes/],
    [{ withhold: ['loss'] }, /it must be a list of names among meanLoss, initialLoss, evaluations, reasons/],
    [
      { sampleCountMin: 0, trainingsMax: -1 },
      /sampleCountMin is 0; .*; trainingsMax is -1; it must be a whole number of at least 0/,
    ],
  ])('%j is told as what it is, with where it stands', (given, text) => {
    expect(() => checkSitePolicy(given, 'site.yaml')).toThrow(
      expect.objectContaining({ code: 'site.policy', message: expect.stringMatching(text) }),
    );
    expect(() => checkSitePolicy(given, 'site.yaml')).toThrow(/^The site policy of site\.yaml cannot be kept: /);
  });
});
