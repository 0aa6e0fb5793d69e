import { join } from 'node:path';
import type { FedloomError } from '@fedloom/engine';
import type { Command } from 'commander';
import { expandRanges, formatRanges, type IndexRange, rangesFromIndices } from '../../core/index-ranges.js';
import { shellWords } from '../../launch/shell-words.js';
import { OWNERS_FILE, ownersFile } from '../../server/auth/owners-file.js';
import { createServer } from '../../server/create-server.js';
import type { StoredRun } from '../../store/read-runs.js';
import type { Task } from '../../task/task.js';
import { type AdminFlags, addAdminOptions, adminOptions } from '../admin/admin-flags.js';
import { withOperators } from '../admin/open-admin.js';
import { serverAuth } from '../auth-flags.js';
import { conductRun } from '../conduct-run.js';
import { devicesAt } from '../devices.js';
import { addListenOptions, reachOf, recordedReach, samePorts } from '../listen-flags.js';
import { changesAsArguments, loadTaskWith } from '../load-settings.js';
import { poolOf } from '../pool-options.js';
import { counted } from '../report/format.js';
import { RunAudit, tellAuditHead } from '../run-audit.js';
import { addRunSettings, type RunSettings, runSettings, withModelFile } from '../run-settings.js';
import { addServingOptions, type ServingFlags, servingRunOptions } from '../serving-options.js';
import { openTerminal } from '../terminal.js';
import { type ListenFlags, listensOf } from '../transports.js';
import { unfinishedRun } from '../unfinished-run.js';

export interface ServerFlags extends ServingFlags, ListenFlags, AdminFlags {}

export function addServerCommand(program: Command, exit: (code: number) => void): void {
  const command = addAdminOptions(addListenOptions(addRunSettings(program.command('server'), '<task>')))
    .summary('serve a task to clients that connect over WebSocket or MQTT')
    .description('Serves a task to clients that connect over WebSocket or MQTT. The run starts when they have joined.');
  addServingOptions(command).action(async (path, clients, perRound, rounds, flags) => {
    const settings = await withModelFile(runSettings([clients, perRound, rounds], flags));
    exit(await serve(path, settings, flags, flags.resume && (await unfinishedRun(path, settings))));
  });
}

/** What starts all clients of the run in one process. @param devices those that are no process's */
function clientCommand(
  path: string,
  settings: RunSettings,
  task: Task,
  url: string,
  devices: readonly IndexRange[] = [],
): string {
  const away = new Set<number>(expandRanges(devices));
  const indices = Array.from({ length: settings.clients }, (_, index) => index).filter((index) => !away.has(index));
  const own = ['--server', url, '--index', formatRanges(rangesFromIndices(indices))];
  // A plan is shipped; training code is not, and must have the same settings there.
  const words = task.kind === 'plan' ? [...own, '--data', 'DIR'] : [path, ...own, ...changesAsArguments(settings)];
  return shellWords(['fedloom', 'client', ...words]);
}

/** @param resume a run that is to go on, in place of a new one */
export async function serve(
  path: string,
  settings: RunSettings,
  flags: ServerFlags,
  resume?: StoredRun,
): Promise<number> {
  process.title = `fedloom server of ${counted(settings.clients, 'client')}`;
  const terminal = await openTerminal(settings.json, {
    format: settings.logFormat,
    owner: { role: 'server', rank: 0 },
  });
  const loaded = await loadTaskWith(path, settings);
  const reach = resume === undefined ? reachOf(flags) : samePorts(flags, resume.file);
  const devices = reach.mobile && devicesAt(reach.mobile, settings.clients, terminal.screen);
  const warn = ({ message }: FedloomError) => terminal.screen.line(`Warning: ${message}`);
  const auth = serverAuth(reach, warn);
  const listeners = await listensOf(reach, warn, devices);
  const admin = await adminOptions(flags);
  const pool = poolOf(flags);
  const given = servingRunOptions(flags);
  const { workers } = settings;
  return conductRun({
    terminal,
    loaded,
    settings,
    command: 'server',
    ...(resume && { resume }),
    otherArguments: {
      ...recordedReach(reach),
      ...given,
    },
    runOptions: given,
    start: async (options, task, folder) => {
      const audit = await RunAudit.open(folder, options.run ?? '');
      const open = () =>
        createServer(task, {
          ...options,
          owners: ownersFile(join(folder, OWNERS_FILE)),
          onEntry: (entry) => audit.entry(entry),
          onUpdateHash: (update) => audit.updateHash(update),
          listeners,
          ...(auth && { auth }),
          ...(reach.joinTimeout !== undefined && { joinTimeoutMs: reach.joinTimeout }),
          ...(workers && { workers }),
          ...(pool && { pool }),
        });
      const operated = await withOperators(admin && { ...admin, onAct: (act) => audit.acted(act) }, folder, open);
      const { server } = operated;
      const { run } = server;
      const urls = server.urls.filter((url) => !url.startsWith('memory:'));
      audit.follow(run);
      const ended = operated.result.finally(() => devices?.close());
      const result = audit.endWith(ended, (head) => tellAuditHead(head, terminal.screen));
      const hint = `Join: ${clientCommand(path, settings, loaded.task, urls[0] ?? '', reach.mobile)}`;
      return { run, result, urls, notes: [`Listening on ${urls.join(' and ')}`, terminal.screen.colors.dim(hint)] };
    },
  });
}
