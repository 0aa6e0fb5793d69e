import { FedloomError } from '@fedloom/engine';
import { sha256 } from '../../core/node/sha256.js';
import { namesClient, pathOfClient } from '../../core/path-template.js';
import { VERSION } from '../../core/version.js';
import { type Finding, judgeHost } from '../../launch/doctor/judge.js';
import { type HostFacts, PROBE, readFacts } from '../../launch/doctor/probe.js';
import type { HostList } from '../../launch/hostfile/host.js';
import type { Place } from '../../launch/part.js';
import { placeRanks } from '../../launch/placement.js';
import { runScript, type ScriptEnd } from '../../launch/run-script.js';
import { shellWords } from '../../launch/shell-words.js';
import { SSH_ADVICE, sshFailure } from '../../launch/ssh.js';
import { compileTask } from '../../task/compile-task.js';
import { table } from '../report/table.js';
import { loadTask } from '../task-loader.js';
import { openTerminal, type Terminal } from '../terminal.js';
import { type HostFlags, openHosts } from './host-options.js';
import { OWN_COMMAND } from './launch-plan.js';

export interface DoctorFlags extends HostFlags {
  readonly data?: string;
  readonly json?: true;
}

/** A host, what it is like, and what is wrong with it. */
interface Examined {
  readonly place: Place;
  readonly facts: HostFacts | undefined;
  readonly findings: readonly Finding[];
}

/** @returns the exit code: 1 if something would fail a run */
export async function examineHosts(
  task: string | undefined,
  clients: number | undefined,
  flags: DoctorFlags,
): Promise<number> {
  const terminal = await openTerminal(flags.json ?? false);
  const { list, places } = await hostsOf(flags);
  const ranks = clients === undefined ? undefined : placeRanks(list, clients + 1);
  if (flags.data !== undefined && namesClient(flags.data) && ranks === undefined) {
    const message = `Which clients' data? With ${flags.data}, say also how many clients there are: doctor TASK CLIENTS.`;
    throw new FedloomError('usage.doctor', message);
  }
  const loaded = task === undefined ? undefined : await loadTask(task);
  const planNeeded = loaded !== undefined && (flags.data === undefined || loaded.task.kind !== 'plan');
  const needs = { fedloom: VERSION, plan: planNeeded && task !== undefined ? await planHash(task) : undefined };
  const examined = await Promise.all(
    places.map(async (place, i): Promise<Examined> => {
      const data = dataPaths(flags.data, place, ranks?.[i]);
      const probed = [place.folder, ...commandsOn(place, flags), planNeeded ? (task ?? '') : '', ...data];
      const end = await runScript(place, PROBE, probed);
      const facts = readFacts(end);
      const findings =
        facts === undefined ? [unreached(place, end)] : judgeHost(facts, { ...needs, folder: place.folder });
      return { place, facts, findings };
    }),
  );
  report(examined, terminal);
  return examined.some(({ findings }) => findings.some(({ kind }) => kind === 'problem')) ? 1 : 0;
}

/** What hosts print for one another. */
export async function printPlan(task: string): Promise<number> {
  process.stdout.write(`${await planHash(task)}\n`);
  return 0;
}

/** Of a task with training code of its own, the hash of its files. */
async function planHash(path: string): Promise<string> {
  const { task, hash } = await loadTask(path);
  return task.kind === 'plan' ? sha256(compileTask(task, await task.data.spec(), 0).bytes) : hash;
}

/** Without a host file and outside of a job, this machine. */
async function hostsOf(flags: DoctorFlags): Promise<{ readonly list: HostList; readonly places: readonly Place[] }> {
  const { SLURM_JOB_NODELIST, PBS_NODEFILE } = process.env;
  if (flags.hostfile !== undefined || SLURM_JOB_NODELIST || PBS_NODEFILE) return openHosts(flags);
  const host = { name: 'this machine' };
  return {
    list: { source: 'this machine', hosts: [host] },
    places: [{ host, ssh: undefined, folder: process.cwd() }],
  };
}

function commandsOn({ ssh }: Place, { command }: DoctorFlags): [node: string, fedloom: string] {
  if (ssh !== undefined && command !== undefined) return ['node', command];
  return [shellWords([process.execPath]), shellWords(OWN_COMMAND)];
}

function dataPaths(data: string | undefined, { host }: Place, ranks: readonly number[] | undefined): string[] {
  if (data === undefined) return [];
  const here = data.replaceAll('{host}', host.name);
  if (!namesClient(here)) return [here];
  return (ranks ?? []).filter((rank) => rank > 0).map((rank) => pathOfClient(here, rank - 1));
}

function unreached({ ssh }: Place, { lines, code }: ScriptEnd): Finding {
  const said = lines.at(-1) ?? `exit code ${code}`;
  return { kind: 'problem', what: ssh === undefined ? said : `${said}. ${SSH_ADVICE[sshFailure(lines)]}` };
}

function report(examined: readonly Examined[], { screen, json }: Terminal): void {
  const hosts = examined.map(({ place, facts, findings }) => ({ host: place.host.name, ...facts, findings }));
  json?.write({ event: 'doctor', hosts });
  const columns = ['host', 'node', 'glibc', 'fedloom', 'disk', 'clock', 'gpu', 'state'] as const;
  const rows = examined.map(rowOf);
  for (const line of table(
    rows,
    columns.map((field) => ({ field })),
    screen,
  ))
    screen.line(line);
  for (const { place, findings } of examined) {
    for (const { kind, what } of findings) {
      const color = kind === 'problem' ? screen.colors.red : screen.colors.yellow;
      screen.line(`${color(`${kind}:`)} ${place.host.name}: ${what}`);
    }
  }
}

function rowOf({ place, facts, findings }: Examined) {
  const problems = findings.filter(({ kind }) => kind === 'problem').length;
  const { node = '-', glibc = '-', fedloom = '-', diskBytes, clockAheadMs, gpus = [] } = facts ?? {};
  return {
    host: place.host.name,
    node,
    glibc,
    fedloom,
    disk: diskBytes === undefined ? '-' : `${(diskBytes / 1e9).toFixed(1)} GB`,
    clock: clockAheadMs === undefined ? '-' : signedSeconds(clockAheadMs),
    gpu: facts === undefined ? '-' : gpus.length === 0 ? 'none' : `${gpus.length} x ${gpus[0]}`,
    state: problems === 0 ? 'ready' : facts === undefined ? 'not reached' : 'not ready',
  };
}

function signedSeconds(ms: number): string {
  const tenths = Math.round(ms / 100);
  return `${tenths > 0 ? '+' : ''}${(tenths / 10 || 0).toFixed(1)} s`;
}
