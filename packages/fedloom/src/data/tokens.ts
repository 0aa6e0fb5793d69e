/** What a text is cut into. */
export type TokenKind = 'words' | 'characters';

/** The token that fills up short texts. */
export const PADDING = 0;
/** The token of all that the vocabulary does not have. */
export const UNKNOWN = 1;
/** The vocabulary's own tokens begin here. */
export const FIRST_TOKEN = 2;

/**
 * The tokens of a text, after Unicode's composition (NFC). `characters`: its code points as they are. `words`: in lower case, each run of
 * letters, marks and digits, with apostrophes within it.
 */
export function tokensOf(text: string, kind: TokenKind): string[] {
  const composed = text.normalize('NFC');
  if (kind === 'characters') return Array.from(composed);
  return composed.toLowerCase().match(/[\p{L}\p{M}\p{N}]+(?:['’][\p{L}\p{M}\p{N}]+)*/gu) ?? [];
}

/** The most frequent tokens, at most `size`, the more frequent first; equally frequent ones in the order of their UTF-16 units. */
export function frequentTokens(texts: Iterable<readonly string[]>, size: number): readonly string[] {
  const counts = new Map<string, number>();
  for (const tokens of texts) for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
  return [...counts]
    .sort(([a, countA], [b, countB]) => countB - countA || (a < b ? -1 : 1))
    .slice(0, size)
    .map(([token]) => token);
}

/** Numbers of tokens: the vocabulary's from `FIRST_TOKEN`, in its order. */
export function tokenNumbers(vocabulary: readonly string[]): ReadonlyMap<string, number> {
  return new Map(vocabulary.map((token, at) => [token, FIRST_TOKEN + at]));
}
