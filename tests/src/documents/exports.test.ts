/** Whatever the library exports has a place in the documentation. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../repository/source-tree.js';

const index = readFileSync(join(root, 'packages/fedloom/src/index.ts'), 'utf8');
const exported = [...index.matchAll(/^export (?:type )?\{(.*?)\}/gms)]
  .flatMap(([, names = '']) => names.split(','))
  .map((name) => name.trim().replace(/^type /, ''))
  .filter((name) => name !== '');

it('each export is named in a page of docs/', () => {
  const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md') && !name.includes('.zh-CN.'));
  const words = new Set(pages.flatMap((page) => readFileSync(join(root, 'docs', page), 'utf8').match(/\w+/g) ?? []));
  expect(exported.length).toBeGreaterThan(200);
  expect(exported.filter((name) => !words.has(name))).toEqual([]);
});
