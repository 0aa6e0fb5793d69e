import { FedloomError } from '@fedloom/engine';
import { type Command, Option } from 'commander';
import type { JoinOptions } from '../client/node/join-options.js';
import { checkSitePolicy, type SitePolicy } from '../client/site-policy.js';
import { hashPattern } from '../core/brands.js';
import { byteCount } from './arguments.js';
import { argument } from './given.js';
import { textOfFile } from './option-file.js';
import { openOutboundLog } from './outbound-log.js';

/** What a site says of the runs that it takes part in, as the command line gives it. */
export interface SiteFlags {
  readonly planHash?: string;
  readonly sitePolicy?: string;
  readonly outboundLog?: string;
  readonly maxPlanMemory?: number;
}

/** @param templates what stands for a client in names of files, where several processes get them */
export function addSiteOptions(command: Command, templates?: string): Command {
  const named = templates === undefined ? '' : `; with ${templates}`;
  return command
    .addOption(
      new Option(
        '--max-plan-memory <bytes>',
        'what a call of the plan may take in each worker, as its shapes say: 500MB or 8GiB (default: 4GiB)',
      ).argParser(byteCount('--max-plan-memory')),
    )
    .option('--plan-hash <hash>', 'refuse any plan but this one, as the server tells its hash: sha256:…', planHash)
    .option(
      '--site-policy <file>',
      `what this site allows, in YAML or JSON: servers, algorithms, clipping, what may leave${named}`,
    )
    .option(
      '--outbound-log <file>',
      `write down what leaves this machine of its data before it does, a line of JSON each${named}`,
    );
}

function planHash(text: string): string {
  if (hashPattern.test(text)) return text;
  const message = `--plan-hash must be a hash as the server tells it, sha256: and 64 hexadecimal digits, but is "${text}".`;
  throw new FedloomError('usage.value', message, { name: '--plan-hash', text });
}

/** @throws FedloomError `usage.file`, `site.policy`, `store.*` */
export async function siteOptions({
  planHash,
  sitePolicy: file,
  outboundLog,
  maxPlanMemory,
}: SiteFlags): Promise<Pick<JoinOptions, 'planHash' | 'sitePolicy' | 'onOutbound' | 'planMemoryBytesMax'>> {
  const sitePolicy = await readSitePolicy(file);
  const onOutbound = outboundLog === undefined ? undefined : openOutboundLog(outboundLog);
  return {
    ...(planHash !== undefined && { planHash }),
    ...(maxPlanMemory !== undefined && { planMemoryBytesMax: maxPlanMemory }),
    ...(sitePolicy && { sitePolicy }),
    ...(onOutbound && { onOutbound }),
  };
}

/** As arguments of `client`, `{host}` as the name of the client's host. */
export function siteArguments({ planHash, sitePolicy, outboundLog, maxPlanMemory }: SiteFlags, host: string): string[] {
  return [
    ...argument('--plan-hash', planHash),
    ...argument('--site-policy', sitePolicy?.replaceAll('{host}', host)),
    ...argument('--outbound-log', outboundLog?.replaceAll('{host}', host)),
    ...argument('--max-plan-memory', maxPlanMemory),
  ];
}

async function readSitePolicy(file: string | undefined): Promise<SitePolicy | undefined> {
  const text = await textOfFile('--site-policy', file);
  if (text === undefined || file === undefined) return undefined;
  // Loaded here, since most clients read none.
  const { parseDocument } = await import('yaml');
  const document = parseDocument(text, { uniqueKeys: true });
  const [error] = document.errors;
  if (error !== undefined) {
    const [what = 'it is no YAML'] = error.message.split('\n');
    throw unreadable(`${file}:${error.linePos?.[0].line ?? 1}`, what);
  }
  return checkSitePolicy(document.toJS(), file);
}

function unreadable(place: string, what: string): FedloomError {
  return new FedloomError('site.policy', `The site policy cannot be read. ${place}: ${what}`, { issues: [what] });
}
