import type { Command } from 'commander';
import { formatRanges } from '../../core/index-ranges.js';
import type { RunStatus } from '../../server/run/run-control.js';
import { askStatus } from '../admin/ask-server.js';
import {
  allResults,
  counted,
  formatBytes,
  formatCount,
  formatDuration,
  formatMetric,
  metricLabel,
  scalarMetrics,
} from '../report/format.js';
import type { Screen } from '../report/screen.js';
import { table } from '../report/table.js';
import { jsonOption, outOption, verboseOption } from '../run-settings.js';
import { openTerminal } from '../terminal.js';

interface StatusFlags {
  readonly out: string;
  readonly json?: true;
}

export function addStatusCommand(program: Command): void {
  program
    .command('status')
    .summary('what a running server does now')
    .description('Asks the server of a run, on its own host, what it does, and who is connected.')
    .argument('[run]', "the run's name, a part of it that no other has, its folder, or latest", 'latest')
    .addOption(outOption())
    .addOption(jsonOption())
    .addOption(verboseOption())
    .action(async (id: string, flags: StatusFlags) => {
      const { screen, json } = await openTerminal(flags.json ?? false);
      const status = await askStatus(flags.out, id);
      json?.write({ event: 'status', ...status });
      if (json === undefined) for (const line of statusLines(status, screen)) screen.line(line);
    });
}

const PHASES: Readonly<Record<RunStatus['phase'], string>> = {
  waiting: 'waits for its first clients',
  training: 'trains',
  evaluating: 'evaluates, and trains on',
  paused: 'is paused: npx fedloom runs resume lets it go on',
  over: 'is over',
};

function statusLines(status: RunStatus, screen: Screen): string[] {
  const { run, phase, round, rounds, clients, present, sessions, bans, lastRound, uptimeMs } = status;
  const at = round === null ? '' : `, round ${round + 1} of ${formatCount(rounds)}`;
  const results = scalarMetrics(allResults(lastRound?.metrics ?? null, lastRound?.clientMetrics ?? null));
  const told = results.map(([name, value]) => `${metricLabel(name)} ${formatMetric(name, value)}`).join(' · ');
  const rows = sessions.map((session) => ({
    session: session.session,
    clients: formatRanges(session.clients),
    from: session.peer,
    received: formatBytes(session.bytesIn),
    sent: formatBytes(session.bytesOut),
  }));
  return [
    `${run} ${PHASES[phase]}${at}`,
    `clients  ${formatCount(present)} of ${formatCount(clients)}, over ${counted(sessions.length, 'connection')}`,
    ...(told === '' ? [] : [`last     ${told}`]),
    `since    ${formatDuration(uptimeMs)}: ${counted(status.updates, 'update')} folded, ${formatCount(status.refused)} refused, ` +
      `${formatBytes(status.bytesIn)} received, ${formatBytes(status.bytesOut)} sent`,
    ...bans.map(({ clients: banned, host }) => `banned   ${host ?? `clients ${formatRanges(banned ?? [])}`}`),
    ...(rows.length === 0
      ? []
      : [
          '',
          ...table(
            rows,
            [
              { field: 'session' },
              { field: 'clients' },
              { field: 'from' },
              { field: 'received', right: true },
              { field: 'sent', right: true },
            ],
            screen,
          ),
        ]),
  ];
}
