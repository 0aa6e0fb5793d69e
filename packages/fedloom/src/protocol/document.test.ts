import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { hashFrom } from '../core/brands.js';
import { RandomStream } from '../core/random.js';
import { decodeSafetensors, encodeSafetensors } from '../core/safetensors.js';
import { decodeFrame, encodeControl, encodeInline } from './codec.js';
import { wireLimits } from './limits.js';
import { builtInMessages } from './schemas.js';
import { examples } from './testing/messages.js';

const text = readFileSync(new URL('../../../../PROTOCOL.md', import.meta.url), 'utf8');

/** The bytes of a hex example: the pairs of digits that start each line. */
function example(name: string): Uint8Array {
  const block = new RegExp(`\`\`\`hex ${name}\n([^\`]*)\`\`\``).exec(text)?.[1] ?? '';
  const digits = block.split('\n').map((line) => /^(?:[0-9a-f]{2} ?)*(?= |$)/.exec(line)?.[0] ?? '');
  return Uint8Array.from(Buffer.from(digits.join('').replaceAll(' ', ''), 'hex'));
}

/** The text below a heading of level four, up to the next heading. */
function section(type: string): string {
  const start = text.indexOf(`\n#### ${type}\n`);
  return start < 0 ? '' : text.slice(start + 6, text.indexOf('\n#', start + 6));
}

describe('PROTOCOL.md', () => {
  test('its grant is the one that the codec writes', () => {
    expect(example('grant')).toEqual(encodeControl({ type: 'grant', stream: 1, bytes: 800_128 }));
  });

  test('its chunk reads as it says', () => {
    const payload = Uint8Array.of(0xde, 0xad, 0xbe, 0xef);
    expect(decodeFrame(example('chunk'))).toEqual({ kind: 'chunk', stream: 1, offset: 1_048_576, payload });
  });

  test('its message with body is the one that the codec writes', () => {
    const message = { type: 'plan', hash: hashFrom(`sha256:${'0'.repeat(64)}`) } as const;
    expect(example('plan')).toEqual(encodeInline(message, Uint8Array.of(1, 2, 3)));
  });

  test('its tensors are the ones that the encoder writes', () => {
    const bytes = example('safetensors');
    expect(decodeSafetensors(bytes).get('b')?.data).toEqual(Float32Array.of(1, -2));
    expect(encodeSafetensors(decodeSafetensors(bytes))).toEqual(bytes);
  });

  test('its random numbers are those of the stream', () => {
    const stream = RandomStream.of(0, 'order', 3, 7);
    const words = Array.from({ length: 4 }, () => stream.uint32().toString(16).padStart(8, '0'));
    expect(text).toContain(`\`${words.join(' ')}\``);
    expect(text).toContain(`the first u is ${RandomStream.of(0, 'order', 3, 7).next()}.`);
  });

  test.each(Object.entries(wireLimits))('names the limit %s', (name, value) => {
    expect(text).toContain(`| \`${name}\` | ${value.toLocaleString('en-US')} |`);
  });

  test.each([
    ['join', ['joinRangesMax', 'clientsPerSessionMax']],
    ['leave', ['rangesMax']],
    ['joined', ['rangesMax']],
    ['train', ['rangesMax', 'scalarsMax']],
    ['settled', ['rangesMax', 'textLengthMax']],
    ['evaluate', ['rangesMax']],
    ['forget', ['versionsForgottenMax']],
    [
      'evaluations',
      ['evaluationsMax', 'resultsMax', 'resultListMax', 'evaluationNumbersMax', 'evaluationNameCharsMax'],
    ],
    ['welcome', ['factsMax', 'stagesMax', 'stageOptionsMax', 'capabilitiesMax']],
    ['update', ['factsMax']],
  ] as const)('says in %s the limits %j', (type, names) => {
    for (const name of names) {
      const value = wireLimits[name].toLocaleString('en-US');
      expect(section(type)).toMatch(new RegExp(`(?<![\\d,])${value}(?![\\d,])`));
    }
  });

  test.each(builtInMessages)('describes $type with its fields and its body', ({ type, body }) => {
    const described = section(type);
    const fields = Object.keys(examples[type as keyof typeof examples]).filter((field) => field !== 'type');
    for (const field of fields) expect(described).toMatch(new RegExp(`\`${field}\\??\``));
    expect(described.includes('**Body**')).toBe(body === 'required');
  });

  test('lists every error code of the protocol', () => {
    const sources = ['codec', 'channel', 'incoming-bodies', 'outbox', 'handshake'].map((name) =>
      readFileSync(new URL(`${name}.js`, import.meta.url), 'utf8'),
    );
    const codes = new Set(sources.join().match(/(?<=')protocol\.[a-z-]+(?=')/g));
    expect(codes.size).toBeGreaterThan(15);
    for (const code of codes) expect(text).toContain(`| \`${code}\` | yes |`);
  });
});
