import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { readHosts } from './read-hosts.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fedloom-hosts-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const namesOf = async (path: string | undefined, environment: Record<string, string>) => {
  const { hosts, source } = await readHosts(path, environment);
  return [source, ...hosts.map(({ name }) => name)];
};

it('takes the file that is named before the job that this is', async () => {
  const path = join(folder, 'hosts');
  await writeFile(path, 'a\nb\n');
  expect(await namesOf(path, { SLURM_JOB_NODELIST: 'tux[1-2]' })).toEqual([path, 'a', 'b']);
});

it('takes the job of Slurm or PBS where no file is named', async () => {
  expect(await namesOf(undefined, { SLURM_JOB_NODELIST: 'tux[1-2]' })).toEqual(['SLURM_JOB_NODELIST', 'tux1', 'tux2']);
  const path = join(folder, 'nodes');
  await writeFile(path, 'n1\nn1\n');
  expect(await namesOf(undefined, { PBS_NODEFILE: path })).toEqual([path, 'n1']);
});

it('says where hosts could come from, and which file cannot be read', async () => {
  await expect(readHosts(undefined, {})).rejects.toMatchObject({ code: 'hostfile.missing' });
  await expect(readHosts(join(folder, 'none'), {})).rejects.toMatchObject({ code: 'hostfile.read' });
});
