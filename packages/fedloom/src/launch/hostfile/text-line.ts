import { FedloomError } from '@fedloom/engine/base';

/** A line of a text, which says where in it something is wrong. */
export class TextLine {
  constructor(
    readonly source: string,
    readonly text: string,
    /** From 1; absent where the source has one line only, such as a variable. */
    readonly line?: number,
  ) {}

  /**
   * @param at where in the line, from 0
   * @param what is wrong, and how to mend it
   */
  error(at: number, what: string): FedloomError {
    const { source, line } = this;
    const column = at + 1;
    const place = line === undefined ? `${source}, column ${column}` : `${source}:${line}:${column}`;
    return new FedloomError('hostfile.syntax', `${place}: ${what}`, { source, line: line ?? 1, column, what });
  }
}
