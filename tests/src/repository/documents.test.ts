import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from './source-tree.js';

const DOCUMENTS = [
  'ARCHITECTURE.md',
  'CHANGELOG.md',
  'CONTRIBUTING.md',
  'PROTOCOL.md',
  'README.md',
  'README.zh-CN.md',
  'benchmarks/README.md',
  ...readdirSync(join(root, 'docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
/** Where paths of documents begin. */
const STARTS = ['', 'packages/fedloom/src', 'packages/engine/src', 'packages/transport-mqtt/src'];

const textOf = (document: string) => readFileSync(join(root, document), 'utf8');
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found = '']) => found);

describe.each(DOCUMENTS)('%s', (document) => {
  it('links only to what is there', () => {
    const links = matches(textOf(document), /\]\(([^)#\s]+)/g).filter((link) => !/^[a-z]+:/.test(link));
    expect(links.filter((link) => !existsSync(join(root, dirname(document), link)))).toEqual([]);
  });
});

it.each(['ARCHITECTURE.md', 'CONTRIBUTING.md'])('%s names only sources that are there', (document) => {
  const paths = matches(textOf(document), /`((?:[\w.-]+\/)+[\w.-]+\.(?:ts|js|py|sh))`/g);
  expect(paths.length).toBeGreaterThan(5);
  expect(paths.filter((path) => !STARTS.some((start) => existsSync(join(root, start, path))))).toEqual([]);
});
