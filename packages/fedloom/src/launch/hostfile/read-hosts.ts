import { readFile } from 'node:fs/promises';
import { FedloomError } from '@fedloom/engine/base';
import type { HostList } from './host.js';
import { parseHostFile, parseSlurmJob } from './parse-host-file.js';

/**
 * The hosts of a file, or those of the Slurm or PBS job that this process belongs to.
 * @param path of the host file; undefined: as the environment has it
 * @throws FedloomError `hostfile.missing` where neither names hosts, `hostfile.read`, `hostfile.syntax`, `hostfile.empty`
 */
export async function readHosts(
  path: string | undefined,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<HostList> {
  if (path !== undefined) return parseHostFile(await textOf(path), path);
  const { SLURM_JOB_NODELIST: nodes, SLURM_TASKS_PER_NODE: tasks, PBS_NODEFILE: nodeFile } = environment;
  if (nodes) return parseSlurmJob(nodes, tasks);
  if (nodeFile) return parseHostFile(await textOf(nodeFile), nodeFile);
  const message =
    "Which hosts? Give --hostfile FILE, one host a line and the server's first, or start it in a job of Slurm or PBS.";
  throw new FedloomError('hostfile.missing', message);
}

async function textOf(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new FedloomError('hostfile.read', `Cannot read the host file ${path}: ${why}.`, { path }, { cause });
  }
}
