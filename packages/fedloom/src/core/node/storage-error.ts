import { FedloomError } from '@fedloom/engine';

type Code = 'store.failed' | 'store.full' | 'store.not-writable';

const ADVICE: Readonly<Record<string, readonly [code: Code, why: string, advice: string]>> = {
  ENOSPC: ['store.full', 'the disk is full', 'Free some space, or choose another folder with --out.'],
  EDQUOT: ['store.full', 'the disk quota is used up', 'Free some space, or choose another folder with --out.'],
  EACCES: ['store.not-writable', 'permission denied', 'Choose a folder you may write to with --out.'],
  EPERM: ['store.not-writable', 'not permitted', 'Choose a folder you may write to with --out.'],
  EROFS: ['store.not-writable', 'the file system is read-only', 'Choose another folder with --out.'],
  ENOTDIR: ['store.not-writable', 'a part of the path is a file, not a folder', 'Choose another folder with --out.'],
  ENOENT: [
    'store.not-writable',
    'there is no such folder and none can be made there',
    'Choose another folder with --out.',
  ],
  EEXIST: ['store.not-writable', 'a file of that name is in the way', 'Choose another folder with --out.'],
};

/**
 * What went wrong when `path` was read or written, and how to mend it. FedloomErrors pass as they are.
 * @param option of the command, by which another folder can be chosen
 */
export function storageError(cause: unknown, doing: string, path: string, option = '--out'): FedloomError {
  if (cause instanceof FedloomError) return cause;
  const { code: system = '', message } = cause as NodeJS.ErrnoException;
  const [code, why, advice] = ADVICE[system] ?? (['store.failed', message, 'Check the folder and the disk.'] as const);
  return new FedloomError(
    code,
    `Cannot ${doing} ${path}: ${why}. ${advice.replace('--out', option)}`,
    { path, system },
    { cause },
  );
}
