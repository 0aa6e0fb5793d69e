import { FedloomError } from '@fedloom/engine';
import type { Command } from 'commander';
import { didYouMean } from '../../core/closest.js';

/** `fedloom help runs show`: commander's own knows no commands within commands, and takes what it does not know for nothing. */
export function addHelpCommand(program: Command): void {
  program
    .helpCommand(false)
    .command('help')
    .summary('show the help of a command')
    .description('Shows the help of a command, or of all.')
    .argument('[command...]', 'such as run, or runs show')
    .action((path: string[]) => commandAt(program, path).outputHelp());
}

/** @throws FedloomError `usage.command` */
function commandAt(program: Command, path: readonly string[]): Command {
  return path.reduce((parent, name) => {
    const found = parent.commands.find((command) => command.name() === name);
    if (found !== undefined) return found;
    const names = parent.commands.map((command) => command.name());
    const known = didYouMean(name, names) || (names.length > 0 ? ` There are ${names.join(', ')}.` : '');
    throw new FedloomError('usage.command', `There is no command "${path.join(' ')}".${known}`, {
      command: path.join(' '),
    });
  }, program);
}
