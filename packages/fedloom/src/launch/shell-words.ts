/** Arguments as a text that a shell reads as just these: `fedloom run 'a b.ts'`. */
export function shellWords(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}

/** One argument; quoted only where it must be. */
export function shellWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  return `'${word.replaceAll("'", "'\\''")}'`;
}
