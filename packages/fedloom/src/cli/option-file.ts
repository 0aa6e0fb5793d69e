import { readFile } from 'node:fs/promises';
import { FedloomError } from '@fedloom/engine';

/** The text of a file that an option names. @throws FedloomError `usage.file` for a file that cannot be read */
export async function textOfFile(option: string, file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FedloomError('usage.file', `The file of ${option} cannot be read: ${why}.`, { option, file }, { cause });
  }
}
