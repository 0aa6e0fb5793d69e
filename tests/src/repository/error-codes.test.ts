/** The compiler holds code to the catalogue of errors; this holds the catalogue and the documents to the code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isTest, root, sources } from './source-tree.js';

const textOf = (file: string) => readFileSync(join(root, file), 'utf8');
const matches = (text: string, pattern: RegExp) => [...text.matchAll(pattern)].map(([, found = '']) => found);

const production = sources('packages').filter((file) => !isTest(file));
const isCatalogue = (file: string) => /\/(error|reason)-codes\.ts$/.test(file);
const catalogues = production.filter(isCatalogue).map(textOf);
/** Codes of errors that are thrown, and of reasons that are told. */
const known = new Set(catalogues.flatMap((text) => matches(text, /^ {2}(?:\| )?'([a-z]+(?:-[a-z]+)*\.[a-z-]+)'/gm)));
const code = production.filter((file) => !isCatalogue(file)).map(textOf);

describe('the catalogue of errors', () => {
  it('holds what somebody throws or tells, and nothing else', () => {
    // Those of tensors that are not as expected are made of the kind of the mismatch.
    const made = /^(?:aggregate|params|update)\.(?:dtype|names|shape)$/;
    const all = code.join('\n');
    expect(known.size).toBeGreaterThan(150);
    expect([...known].filter((one) => !made.test(one) && !all.includes(`'${one}'`))).toEqual([]);
  });

  it('holds every code that a comment says is thrown', () => {
    const thrown = code.flatMap((text) =>
      matches(text, /@throws ([\s\S]*?)(?:\*\/|@param|@returns)/g).flatMap((comment) =>
        matches(comment, /`([a-z]+(?:-[a-z]+)*\.[a-z-]+)`/g),
      ),
    );
    expect(thrown.length).toBeGreaterThan(80);
    expect(thrown.filter((one) => !known.has(one))).toEqual([]);
  });

  it('holds every code in the table of PROTOCOL.md, but those of closed connections', () => {
    const table = textOf('PROTOCOL.md').split('\n## 10. Errors')[1]?.split('\n## ')[0] ?? '';
    const rows = table.split('\n').filter((line) => line.startsWith('| `'));
    const told = rows.flatMap((row) => matches(row.split(' | ')[0] ?? '', /`([a-z]+\.[a-z-]+)`/g));
    expect(told.length).toBeGreaterThan(60);
    // A transport says them in the text of a reason, which is all that a closed connection leaves.
    const texts = code.filter((text) => text.includes('transport.')).join('\n');
    expect(told.filter((one) => !known.has(one) && !(/^transport\./.test(one) && texts.includes(one)))).toEqual([]);
  });

  it.each(['ARCHITECTURE.md', 'CONTRIBUTING.md', 'docs/library.md'])('holds those of the code in %s', (document) => {
    const used = matches(textOf(document), /edloomError\((?:error, )?'([^']+)'/g);
    expect(used.length).toBeGreaterThan(0);
    expect(used.filter((one) => !known.has(one) && !/^(?:area\.what|acme\..*)$/.test(one))).toEqual([]);
  });
});
