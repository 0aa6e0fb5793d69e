import { basename, join, resolve } from 'node:path';
import { formatRanges, rangesFromIndices } from '../../core/index-ranges.js';
import { fetchFolder, isSameFile } from '../../launch/fetch-folder.js';
import type { LaunchedPart } from '../../launch/launched-part.js';
import { resolvedName } from '../../launch/resolved-name.js';
import { runSetup } from '../../launch/setup.js';
import { sshArguments } from '../../launch/ssh.js';
import { type ServerEvent, supervise } from '../../launch/supervisor.js';
import { watchInterrupts } from '../interrupts.js';
import type { RunSettings } from '../run-settings.js';
import { loadTask } from '../task-loader.js';
import { openTerminal, type Terminal } from '../terminal.js';
import { type HostFlags, openHosts } from './host-options.js';
import { launchMpi } from './launch-mpi.js';
import { copyable, type LaunchFlags, type LaunchPlan, layOut, planLaunch, secretsNeeded } from './launch-plan.js';
import { makeSecrets } from './launch-secrets.js';
import { planLines, prefixOf, secretsLine } from './launch-views.js';

type Flags = HostFlags & LaunchFlags & { readonly setup?: string; readonly dryRun?: true };

/** @returns the exit code: that of the server */
export async function launch(task: string, settings: RunSettings, flags: Flags): Promise<number> {
  process.title = 'fedloom launch';
  const terminal = await openTerminal(settings.json, { format: settings.logFormat, owner: { role: 'launch' } });
  const { screen } = terminal;
  const { list, places } = await openHosts(flags);
  for (const note of settings.notes) screen.line(screen.colors.dim(note));
  if (flags.mpi) return launchMpi({ task, settings, flags, list, places, terminal });
  const [first] = places;
  const serverAddress = first?.ssh === undefined ? (first?.host.name ?? '') : await resolvedName(first.host, first.ssh);
  const clientsNeedTask = flags.data === undefined || (await hasTrainer(task));
  const request = { task, settings, flags, list, places, serverAddress, clientsNeedTask };
  const layout = layOut(request);
  const needed = secretsNeeded(request, layout);
  const plan = planLaunch(request, layout, needed && (await makeSecrets(needed)));
  for (const line of planLines(plan, { list, places, settings })) screen.line(line);
  if (needed !== undefined) screen.line(screen.colors.dim(secretsLine(needed)));
  if (flags.dryRun) {
    for (const part of [plan.server, ...plan.clients()]) {
      screen.line(copyable(part, part.place.ssh === undefined ? [] : sshArguments(part.place.ssh, part.place.host)));
    }
    return 0;
  }
  const interrupts = watchInterrupts(() => screen.line('Stopping. Ctrl-C again stops at once.'));
  try {
    if (flags.setup !== undefined) {
      const onLine = (host: string, line: string) => screen.line(`${screen.colors.dim(`[${host}]`)} ${line}`);
      await runSetup(flags.setup, places, onLine, interrupts.signal);
    }
    if (interrupts.exitCode !== undefined) return interrupts.exitCode;
    const code = await superviseRun(plan, { terminal, settings, flags, signal: interrupts.signal });
    return interrupts.exitCode ?? code;
  } finally {
    interrupts.stop();
  }
}

interface Circumstances {
  readonly terminal: Terminal;
  readonly settings: RunSettings;
  readonly flags: Flags;
  readonly signal: AbortSignal;
}

async function superviseRun(plan: LaunchPlan, { terminal, settings, flags, signal }: Circumstances): Promise<number> {
  const { screen } = terminal;
  const events = new RunEvents(plan, terminal, settings);
  try {
    const end = await supervise({
      server: plan.server,
      clients: (url) => plan.clients(url),
      minimumClients: flags.minimumClients ?? settings.clients,
      onLine: lineTeller(terminal),
      onEvent: (event) => events.take(event),
      onLost: ({ message }) => screen.line(`${screen.colors.yellow('warning:')} ${message}`),
      signal,
    });
    if (end.code !== 0 && events.begun) screen.line('Go on with it: the same command with --resume.');
    return end.code ?? 1;
  } finally {
    await events.end();
  }
}

/** The server's events as programs hear them: with the paths of this machine. */
class RunEvents {
  #folder: string | undefined;
  #last: ServerEvent | undefined;
  #begun = false;

  constructor(
    private readonly plan: LaunchPlan,
    private readonly terminal: Terminal,
    private readonly settings: RunSettings,
  ) {}

  /** The first clients were asked to train. */
  get begun(): boolean {
    return this.#begun;
  }

  take(event: ServerEvent): void {
    if (event.event === 'begun') this.#begun = true;
    if (event.event === 'started') this.#folder = String(event.folder);
    // It says where the model lies, which is not there yet.
    if (event.event === 'finished' || event.event === 'error') this.#last = event;
    else this.#tell(event);
  }

  /** Has the run's folder here. */
  async end(): Promise<void> {
    const { server } = this.plan;
    const { host, ssh } = server.place;
    const folder = this.#folder;
    try {
      if (folder === undefined || ssh === undefined) return;
      const file = 'run.json';
      if (await isSameFile(host, ssh, `${folder}/${file}`, join(this.#here(folder), file))) return;
      await fetchFolder(host, ssh, folder, this.#here(folder));
      const { screen } = this.terminal;
      screen.line(`The run's folder is ${join(this.settings.out, basename(folder))}, copied from ${host.name}.`);
    } finally {
      if (this.#last !== undefined) this.#tell(this.#last);
    }
  }

  #tell(event: ServerEvent): void {
    const { json } = this.terminal;
    if (json === undefined) return;
    const { ssh } = this.plan.server.place;
    const folder = this.#folder;
    const moved = (path: unknown) =>
      typeof path === 'string' && folder !== undefined && path.startsWith(folder)
        ? this.#here(folder) + path.slice(folder.length)
        : path;
    const paths = ['folder', 'model'].filter((name) => ssh !== undefined && name in event);
    json.hand({ ...event, ...Object.fromEntries(paths.map((name) => [name, moved(event[name])])) });
  }

  #here(folder: string): string {
    return join(resolve(this.settings.out), basename(folder));
  }
}

/** Lines of parts: records of a log as they are, with their host; others after the ranks and the host. */
function lineTeller({ screen, log }: Terminal): (part: LaunchedPart, line: string) => void {
  if (log === undefined) return (part, line) => screen.line(`${screen.colors.dim(prefixOf(part))} ${line}`);
  return ({ ranks, place }, line) => {
    const from = { host: place.host.name, part: formatRanges(rangesFromIndices(ranks)) };
    if (!log.pass(line, from) && line.trim() !== '') log.write('info', { event: 'output', ...from, message: line });
  };
}

/** Clients of a plan need no task file: the server ships the plan. Where the task is not here, that is not known. */
async function hasTrainer(task: string): Promise<boolean> {
  try {
    return (await loadTask(task)).task.kind !== 'plan';
  } catch {
    return true;
  }
}
