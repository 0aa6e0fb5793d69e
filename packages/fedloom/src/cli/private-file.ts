import { chmod, open } from 'node:fs/promises';

/**
 * Writes a new file that only its owner can read, from its first byte on.
 * @throws the error of the file system, `EEXIST` where there is one already
 */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    // What the process's mask took away is given back: the owner must be able to read it.
    await chmod(path, 0o600);
    await file.writeFile(text);
  } finally {
    await file.close();
  }
}
