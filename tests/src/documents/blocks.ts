/** The blocks of code of a page in Markdown. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../repository/source-tree.js';

export interface Block {
  /** The word after the fence: `ts`, `sh`, `text`, ... */
  readonly language: string;
  /** The second word: the file that the page's reader writes it to. */
  readonly file: string | undefined;
  readonly text: string;
  /** Of the page, where the block's text begins, from 1. */
  readonly line: number;
}

const FENCE = /^```(\w*)(?: (\S+))?\n(.*?)^```$/gms;

/** @param page from the root, such as `docs/data.md` */
export function blocksOf(page: string): Block[] {
  const markdown = readFileSync(join(root, page), 'utf8');
  return [...markdown.matchAll(FENCE)].map((match) => {
    const [, language = '', file, text = ''] = match;
    return { language, file, text, line: markdown.slice(0, match.index).split('\n').length + 1 };
  });
}
