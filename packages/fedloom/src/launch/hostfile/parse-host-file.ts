import { FedloomError } from '@fedloom/engine/base';
import type { Host, HostList } from './host.js';
import { hostsOfLine } from './host-entry.js';
import { tasksPerNode } from './tasks-per-node.js';
import { TextLine } from './text-line.js';

/** As `env | grep SLURM` writes it, also into a shell script. */
const VARIABLE = /^(\s*(?:export\s+)?(SLURM_\w+)\s*=\s*["']?)([^"'#]*?)["']?\s*(?:#.*)?$/;
const NODE_LISTS: ReadonlySet<string> = new Set(['SLURM_JOB_NODELIST', 'SLURM_NODELIST']);
const TASKS: ReadonlySet<string> = new Set(['SLURM_TASKS_PER_NODE']);

/**
 * The hosts of a host file, in the order in which they come first. Each line may be written as for Open MPI (`user@host slots=2
 * max_slots=4`), for MPICH (`host:2`), as a plain name, or as Slurm's list of nodes (`tux[0-5,12]`), which a line
 * `SLURM_TASKS_PER_NODE=2(x3),1` may accompany. A host that stands there several times has a slot for each, as in a node file
 * of PBS; where one does, names that stand there once have one.
 * @param source where the text comes from, for messages: the file's path
 * @throws FedloomError `hostfile.syntax` with line and column, `hostfile.empty`
 */
export function parseHostFile(text: string, source: string): HostList {
  const entries: Host[] = [];
  let tasks: { readonly line: TextLine; readonly numbers: readonly number[] } | undefined;
  for (const [index, content] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    const line = new TextLine(source, content, index + 1);
    const [, before = '', variable = '', value = ''] = VARIABLE.exec(content) ?? [];
    if (NODE_LISTS.has(variable)) {
      // Blanks keep the columns of what follows.
      entries.push(...hostsOfLine(new TextLine(source, ' '.repeat(before.length) + value, index + 1)));
    } else if (TASKS.has(variable)) {
      tasks = { line, numbers: tasksPerNode(line, value, before.length) };
    } else if (variable === '') {
      entries.push(...hostsOfLine(line));
    }
  }
  if (entries.length === 0) {
    const message = `${source} names no host. Write one a line, the server's first.`;
    throw new FedloomError('hostfile.empty', message, { source });
  }
  const withTasks = tasks === undefined ? entries : givenTasks(entries, tasks.numbers, tasks.line);
  return { source, hosts: mergeHosts(withTasks, source) };
}

/**
 * The hosts of a Slurm job, by the values of its variables.
 * @throws FedloomError `hostfile.syntax`, `hostfile.empty`
 */
export function parseSlurmJob(nodeList: string, tasks: string | undefined): HostList {
  const source = 'SLURM_JOB_NODELIST';
  const entries = hostsOfLine(new TextLine(source, nodeList));
  if (entries.length === 0) {
    throw new FedloomError('hostfile.empty', `${source} names no host.`, { source });
  }
  if (tasks === undefined) return { source, hosts: mergeHosts(entries, source) };
  const line = new TextLine('SLURM_TASKS_PER_NODE', tasks);
  return { source, hosts: mergeHosts(givenTasks(entries, tasksPerNode(line, tasks, 0), line), source) };
}

function givenTasks(hosts: readonly Host[], tasks: readonly number[], line: TextLine): Host[] {
  if (hosts.length !== tasks.length) {
    throw line.error(0, `tasks for ${tasks.length} nodes, but the list has ${hosts.length}. Both are of one job.`);
  }
  return hosts.map((host, i) => ({ ...host, slots: tasks[i] ?? 0 }));
}

/** Each host once, with the slots of all its lines. */
function mergeHosts(entries: readonly Host[], source: string): Host[] {
  const byName = new Map<string, Host[]>();
  for (const entry of entries) byName.set(entry.name, [...(byName.get(entry.name) ?? []), entry]);
  const counted = [...byName.values()].some((lines) => lines.length > 1);
  return [...byName].map(([name, lines]) => {
    const [first, ...others] = lines;
    const last = others.at(-1) ?? first;
    if (others.some(({ user }) => user !== first?.user)) {
      const what = `${name} stands there with several users, or with one only in some lines. Give each host one.`;
      throw new FedloomError('hostfile.syntax', `${source}: ${what}`, { source, line: 1, column: 1, what });
    }
    const slots = lines.reduce((sum, { slots: own = 1 }) => sum + own, 0);
    const hasSlots = counted || first?.slots !== undefined;
    return {
      name,
      ...(first?.user !== undefined && { user: first.user }),
      ...(hasSlots && { slots }),
      ...(last?.slotsMax !== undefined && { slotsMax: Math.max(last.slotsMax, hasSlots ? slots : 1) }),
    };
  });
}
