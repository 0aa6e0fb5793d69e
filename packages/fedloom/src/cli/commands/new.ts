import { createRequire } from 'node:module';
import { join, relative, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { shellWord } from '../../launch/shell-words.js';
import { makeProject, type Template, templateNames } from '../new/project.js';
import { verboseOption } from '../run-settings.js';
import { openTerminal } from '../terminal.js';

/** What people type for `texts`. */
const ALIAS = 'text';

interface NewFlags {
  readonly template: Template | typeof ALIAS;
}

export function addNewCommand(program: Command, exit: (code: number) => void): void {
  program
    .command('new')
    .summary('begin a project of your own from a template')
    .description(
      'Makes a folder with a task, sample data that were made up, a test and a README: a project that runs at once.\n' +
        'Templates: csv (a table), images (pictures), texts, trainer (training code of your own in TypeScript), algorithm (a ' +
        'federated algorithm of your own), pytorch (training code in PyTorch).',
    )
    .argument('<folder>', 'folder of the project; new or empty')
    .addOption(
      new Option('--template <name>', 'what to begin with').choices([...templateNames, ALIAS]).makeOptionMandatory(),
    )
    .addOption(verboseOption())
    .action(async (folder: string, flags: NewFlags) =>
      exit(await begin(folder, flags.template === ALIAS ? 'texts' : flags.template)),
    );
}

async function begin(folder: string, template: Template): Promise<number> {
  const { screen } = await openTerminal(false);
  const entries = await makeProject(folder, template);
  const place = relative(process.cwd(), resolve(folder)) || '.';
  const go = place === '.' ? '' : `cd ${shellWord(place)} && `;
  screen.line(`A project of the template ${template} in ${place}: ${entries.join(', ')}`);
  screen.line(`Run it:   npx fedloom run ${shellWord(join(place, 'task.ts'))}`);
  // In a project that has fedloom, this one inside of it has it too.
  screen.line(`Test it:  ${go}${hasFedloom(resolve(folder)) ? '' : 'npm install && '}npm test`);
  return 0;
}

function hasFedloom(folder: string): boolean {
  try {
    createRequire(join(folder, 'task.ts')).resolve('fedloom/package.json');
    return true;
  } catch {
    return false;
  }
}
