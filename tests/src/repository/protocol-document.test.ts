/** What PROTOCOL.md says of things outside of the protocol's own room: vectors, plans. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RandomStream } from 'fedloom';
import { describe, expect, it } from 'vitest';
import { root } from './source-tree.js';

const text = readFileSync(join(root, 'PROTOCOL.md'), 'utf8');
const section = (heading: string) => text.slice(text.indexOf(`\n## ${heading}`)).split('\n## ')[1] ?? '';
const vectors = JSON.parse(readFileSync(join(root, 'tools/goldens/data/protocol/vectors.json'), 'utf8'));

describe('PROTOCOL.md', () => {
  it('has the numbers of its vectors', () => {
    const [first, second] = vectors.trainings;
    const said = section('14. Vectors');
    for (const hash of [vectors.plan, vectors.model, first.update, second.update])
      expect(said).toContain(`\`${hash}\``);
    for (const { order } of [first, second]) expect(said).toContain(`\`${order.join(' ')}\``);
    expect(said).toContain(`\`${JSON.stringify(first.facts)}\``);
    expect(said).toContain(`\`meanLoss\` ${second.facts.meanLoss}.`);
    expect(said).toContain(
      `\`${JSON.stringify(vectors.evaluation.statistics)}\` with \`sampleCount\` ${vectors.evaluation.sampleCount}.`,
    );
    expect(said).toContain(`client ${vectors.client}`);
    expect(vectors.seed).toBe(-3);
  });

  it('has the operators that plans are made of, with their attributes', () => {
    const source = readFileSync(join(root, 'packages/engine/src/onnx/operators.ts'), 'utf8');
    const listed = [...source.matchAll(/^ {2}([A-Z]\w*): \[(.*)\],$/gm)].map(([, name = '', attributes = '']) => {
      const names = attributes.replaceAll("'", '`');
      return `\`${name}\`${names === '' ? '' : ` (${names})`}`;
    });
    expect(listed.length).toBeGreaterThan(40);
    expect(section('9. Training plans')).toContain(`with these attributes: ${listed.join(', ')}. `);
  });

  it('has the random words of a negative seed', () => {
    const stream = RandomStream.of(-3, 'order', 0, 7);
    const words = Array.from({ length: 4 }, () => stream.uint32().toString(16).padStart(8, '0'));
    expect(text).toContain(`For (−3, \`"order"\`, 0, 7) the first words are \`${words.join(' ')}\``);
  });
});

it.each([
  ['the vectors of the protocol are what the code makes of them', 'protocol.js'],
  ['the transcript is what server and client say to each other, and what PROTOCOL.md shows', 'transcript.js'],
])('%s', (_, tool) => {
  const { status, stderr } = spawnSync(process.execPath, [join(root, 'tools/goldens', tool), '--check'], {
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
});
