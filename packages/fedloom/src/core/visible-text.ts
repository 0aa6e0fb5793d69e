/**
 * What steers a terminal or makes a text read otherwise than it is written: control characters but tab and newline, marks of
 * direction, separators of lines that are not newline.
 */
const STEERING = /[^\P{Cc}\t\n]|[\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;

/** A text from outside as it may be shown: each character that steers is written as what it is, `\u001b`. */
export function visibleText(text: string): string {
  return text.replace(STEERING, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Whether a text has nothing that steers, nor tabs and newlines: fit for a name. */
export function isPlainName(text: string): boolean {
  return !/[\t\n]/.test(text) && text.search(STEERING) < 0;
}
