import { formatRanges, rangesFromIndices } from '../../core/index-ranges.js';
import type { HostList } from '../../launch/hostfile/host.js';
import type { LaunchedPart } from '../../launch/launched-part.js';
import type { Place } from '../../launch/part.js';
import { counted } from '../report/format.js';
import type { RunSettings } from '../run-settings.js';
import type { LaunchPlan } from './launch-plan.js';
import type { SecretsRequest } from './launch-secrets.js';

/** Before each line of a part: `[0 HeadNode]`, `[1,5,9 ComputeNode1]`. */
export function prefixOf({ ranks, place }: Pick<LaunchedPart, 'ranks' | 'place'>): string {
  return `[${formatRanges(rangesFromIndices(ranks))} ${place.host.name}]`;
}

/** What is made for the run. */
export function secretsLine({ host, tokens }: SecretsRequest): string {
  const made = [
    ...(host === undefined ? [] : [`a certificate for ${host}`]),
    ...(tokens ? ['a token for each process of clients'] : []),
  ];
  return `For this run alone: ${made.join(' and ')}, in $FEDLOOM_PRIVATE of each process.`;
}

interface Planned {
  readonly list: HostList;
  readonly places: readonly Place[];
  readonly settings: RunSettings;
}

/** Who gets which ranks. */
export function planLines({ ranks }: Pick<LaunchPlan, 'ranks'>, { list, places, settings }: Planned): string[] {
  const clients = counted(settings.clients, 'client');
  const width = Math.max(...places.map(({ host }) => host.name.length));
  const hosts = places.map(({ host, ssh }, i) => {
    const own = ranks[i] ?? [];
    const what =
      own.length === 0
        ? 'nothing'
        : `${own.length === 1 ? 'rank' : 'ranks'} ${own.join(', ')}${own[0] === 0 ? ' (0: the server)' : ''}`;
    return `  ${host.name.padEnd(width)}  ${what}${ssh === undefined ? ', this machine' : ''}`;
  });
  return [
    `The server and ${clients} on ${counted(places.length, 'host')} of ${list.source}; rank r is client r - 1.`,
    ...hosts,
  ];
}
