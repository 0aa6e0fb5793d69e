import { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { addTrustOptions, trustAsArguments, trustOf } from './trust-settings.js';

const parse = (...words: string[]) => {
  const command = addTrustOptions(new Command()).exitOverride();
  return trustOf(command.parse(words, { from: 'user' }).opts());
};

describe('options of trust', () => {
  it('are texts where they were, and nothing where nothing was said', () => {
    expect(parse()).toEqual({});
    expect(parse('--update-norm-max', '10x,25', '--sample-count-max', 'none')).toEqual({
      updateNormMax: '10x,25',
      sampleCountMax: 'none',
    });
    expect(parse('--quarantine-after', 'none', '--over-select', '1.3')).toEqual({
      quarantineAfter: null,
      overSelect: 1.3,
    });
  });

  it.each([
    {},
    { updateNormMax: '10x', sampleCountMax: '5000', quarantineAfter: 2, overSelect: 1.5 },
    { quarantineAfter: null },
  ])('%j comes back from run.json, and from the arguments of a command that is started with it', (trust) => {
    expect(trustOf(JSON.parse(JSON.stringify(trust)))).toEqual(trust);
    expect(parse(...trustAsArguments(trust))).toEqual(trust);
  });

  it.each([
    ['--update-norm-max', 'ten'],
    ['--sample-count-max', '0'],
    ['--quarantine-after', '0'],
    ['--over-select', '0.9'],
  ])('%s %s is refused by name', (option, value) => {
    expect(() => parse(option, value)).toThrow(option);
  });
});
