import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { makeFolders } from '../../core/node/make-folders.js';
import { storageError } from '../../core/node/storage-error.js';
import { VERSION } from '../../core/version.js';
import { packageFolder } from '../own-files.js';
import { type Files, patients, pictures, reviews } from './samples.js';

/** What each template begins with beside its own files. */
const TEMPLATES = {
  csv: patients,
  images: pictures,
  texts: reviews,
  trainer: patients,
  algorithm: patients,
  pytorch: patients,
} as const satisfies Readonly<Record<string, () => Files>>;

export type Template = keyof typeof TEMPLATES;
export const templateNames = Object.keys(TEMPLATES) as readonly Template[];

/**
 * Makes a project from a template, in a folder that is new or empty.
 * @returns its files and folders of files
 * @throws FedloomError `new.not-empty`; `store.failed` where nothing can be written
 */
export async function makeProject(folder: string, template: Template): Promise<readonly string[]> {
  const place = resolve(folder);
  const files = new Map<string, string | Uint8Array>([
    ...(await filesOf('common')),
    ...(await filesOf(template)),
    ...TEMPLATES[template](),
    ['package.json', manifest(basename(place))],
  ]);
  try {
    await makeFolders(place);
    await checkEmpty(place, folder);
    for (const [path, content] of files) {
      await makeFolders(dirname(join(place, path)));
      await writeFile(join(place, path), content);
    }
  } catch (error) {
    throw storageError(error, 'make the project', folder, 'the argument <folder>');
  }
  return [...new Set([...files.keys()].map((path) => path.replace(/\/.*/, '/')))].sort();
}

async function checkEmpty(place: string, folder: string): Promise<void> {
  if ((await readdir(place)).length === 0) return;
  const message = `The folder ${folder} is not empty: a new project needs one of its own. Name one that does not exist yet.`;
  throw new FedloomError('new.not-empty', message, { folder });
}

async function filesOf(template: string): Promise<Map<string, string | Uint8Array>> {
  const folder = join(packageFolder, 'templates', template);
  const names = await readdir(folder);
  // npm leaves files of this name out of packages, and renames those that it does not.
  const nameOf = (name: string) => (name === 'gitignore' ? '.gitignore' : name);
  return new Map(
    await Promise.all(
      names.map(async (name): Promise<[string, string]> => [nameOf(name), await readFile(join(folder, name), 'utf8')]),
    ),
  );
}

function manifest(folder: string): string {
  const content = {
    name:
      folder
        .toLowerCase()
        .replace(/[^a-z0-9._-]+/g, '-')
        .replace(/^[._-]+/, '') || 'project',
    private: true,
    type: 'module',
    scripts: { start: 'fedloom run task.ts', test: 'node --import jiti/register test.ts' },
    dependencies: { fedloom: `^${VERSION}` },
    devDependencies: { '@types/node': '^20.19.0', jiti: '^2.7.0', typescript: '^5.9.0' },
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}
