import { basename } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import { type Command, Option } from 'commander';
import { settablePaths } from '../../task/override-task.js';
import { loadTask } from '../task-loader.js';
import type { ConfigEntry } from './read-config.js';

/** Name of the option that is not there for people: what a configuration changed. */
export const CONFIG_NOTES = 'configNotes';
const PLACES = ['clients', 'perRound', 'rounds'] as const;

/**
 * `--cf <file>`: settings of a FedML configuration, each in the place of what was not typed. The command's action finds them as
 * if they had been.
 */
export function addConfigOption(command: Command): Command {
  return command
    .addOption(
      new Option('--cf <file>', "FedML's configuration (fedml_config.yaml); what is typed beside it comes first"),
    )
    .hook('preAction', async (_, given) => {
      const { cf } = given.opts();
      if (typeof cf === 'string') await applyConfig(cf, given);
    });
}

async function applyConfig(path: string, command: Command): Promise<void> {
  const [task, ...places] = command.processedArgs;
  if (typeof task !== 'string' || command.opts().replay !== undefined) {
    throw new FedloomError(
      'usage.config',
      '--cf has a meaning only with a task file that is run anew: its settings are those of a task.',
    );
  }
  const [{ readConfig }, { configSettings }] = await Promise.all([
    import('./read-config.js'),
    import('./config-settings.js'),
  ]);
  const entries = await readConfig(path);
  const settings = configSettings(path, entries, settablePaths((await loadTask(task)).task));
  const typed = new Set((command.opts<{ set?: string[] }>().set ?? []).map((one) => one.slice(0, one.indexOf('='))));
  const take = (name: string, value: unknown) => {
    if (value === undefined) return;
    if (command.getOptionValueSource(name) === 'cli') typed.add(name);
    else command.setOptionValueWithSource(name, value, 'config');
  };
  for (const [at, name] of PLACES.entries()) {
    if (places[at] === undefined) take(name, settings[name]);
    else typed.add(name);
  }
  for (const name of ['evaluateEvery', 'seed', 'algorithm'] as const) take(name, settings[name]);
  // Of two settings of one path the later counts.
  command.setOptionValueWithSource('set', [...settings.set, ...(command.opts().set ?? [])], 'config');
  const notes = notesOf(basename(path), {
    taken: settings.taken.filter(({ says }) => !typed.has(says)).map(({ entry }) => entry),
    unused: settings.unused,
  });
  command.setOptionValueWithSource(CONFIG_NOTES, notes, 'config');
}

function notesOf(
  file: string,
  { taken, unused }: { readonly taken: readonly ConfigEntry[]; readonly unused: readonly ConfigEntry[] },
): string[] {
  const said = taken.map(({ key, value }) => `${key} ${String(value)}`).join(', ');
  const none = `Without effect here, since the task or the command says it: ${unused.map(({ key }) => key).join(', ')}.`;
  return [`From ${file}: ${said === '' ? 'nothing' : said}.`, ...(unused.length === 0 ? [] : [none])];
}
