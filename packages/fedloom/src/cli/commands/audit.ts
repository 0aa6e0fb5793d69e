import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import type { Command } from 'commander';
import { storageError } from '../../core/node/storage-error.js';
import { verifyAudit } from '../../store/audit-chain.js';
import { AUDIT_FILE } from '../../store/audit-log.js';
import { findRun } from '../../store/read-runs.js';
import { counted } from '../report/format.js';
import { jsonOption, outOption, verboseOption } from '../run-settings.js';
import { openTerminal } from '../terminal.js';

interface VerifyFlags {
  readonly out: string;
  readonly json?: true;
  readonly head?: string;
}

export function addAuditCommand(program: Command): void {
  const command = program
    .command('audit')
    .helpCommand(false)
    .summary("check a server's log of who took part")
    .description(`A server keeps ${AUDIT_FILE} in its run's folder: who came, what they proved, and what counted.`);
  command
    .command('verify')
    .summary('say whether the log is what the server wrote')
    .description(
      'Checks that each line follows on the one before it, and tells the hash of the last. Who can write the whole log anew can make one that holds: ' +
        'note that hash elsewhere, and give it later with --head.',
    )
    .argument('<run>', "the run's name, a part of it that no other has, its folder, or latest")
    .option('--head <hash>', 'of the last line, as it was told before')
    .addOption(outOption())
    .addOption(jsonOption())
    .addOption(verboseOption())
    .action(async (id: string, flags: VerifyFlags) => verify(id, flags));
}

/** @throws FedloomError `audit.broken`, `audit.head`, `store.*` */
async function verify(id: string, { out, json, head }: VerifyFlags): Promise<void> {
  const expected = head === undefined || head.startsWith('sha256:') ? head : `sha256:${head}`;
  const { path, file } = await findRun(out, id);
  const log = join(path, AUDIT_FILE);
  const text = await readFile(log, 'utf8').catch((cause: unknown) => {
    throw storageError(cause, 'read', log);
  });
  const { lines, hash } = verifyAudit(text, file.run);
  if (expected !== undefined && expected !== hash) {
    const message = `The audit log of ${file.run} holds, but ends with ${hash} and not with ${expected}: it was written anew, cut, or went on since.`;
    throw new FedloomError('audit.head', message, { expected, actual: hash });
  }
  const terminal = await openTerminal(json ?? false);
  terminal.json?.write({ event: 'audit', run: file.run, lines, head: hash });
  if (terminal.json === undefined)
    terminal.screen.line(`${counted(lines, 'line')} of ${file.run} hold, up to ${hash}.`);
}
