import { Argument, type Command, Option } from 'commander';
import { wholeNumber } from '../arguments.js';
import { addHostOptions } from '../launch/host-options.js';
import { jsonOption, verboseOption } from '../run-settings.js';

export function addDoctorCommand(program: Command, exit: (code: number) => void): void {
  const command = program
    .command('doctor')
    .summary('check hosts before a run')
    .description(
      'Looks at every host of a host file, or at this machine: reachable by ssh, Node and glibc, the same fedloom, and with a task ' +
        'the same plan; data, disk, clock, GPUs. Exit code 1 if something would fail a run.',
    )
    .argument('[task]', 'task file: its plan must be the same on all hosts that need it')
    .addArgument(new Argument('[CLIENTS]', 'clients of the federation').argParser(wholeNumber('CLIENTS', 1)));
  addHostOptions(command)
    .option('--data <dir>', "folder of the clients' data, as for launch")
    .addOption(new Option('--print-plan', "only print the hash of the task's plan").hideHelp())
    .addOption(jsonOption())
    .addOption(verboseOption())
    .action(async (task: string | undefined, clients: number | undefined, flags) => {
      const { examineHosts, printPlan } = await import('../launch/examine-hosts.js');
      exit(flags.printPlan && task !== undefined ? await printPlan(task) : await examineHosts(task, clients, flags));
    });
}
