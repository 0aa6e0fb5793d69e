import { type Command, Option } from 'commander';
import { hostAddress } from '../launch/host-address.js';
import { addSshOptions } from '../launch/host-options.js';
import { jsonOption, verboseOption } from '../run-settings.js';

export function addSshSetupCommand(program: Command, exit: (code: number) => void): void {
  const command = program
    .command('ssh-setup')
    .summary('have the hosts of a host file let this machine in without a password')
    .description(
      'Sees to it that this machine gets by ssh to every host of a host file without a question: makes a key where there is none, ' +
        'takes up the keys of hosts that are met for the first time, and has each host let the key in. How it gets in for that: with ' +
        '--login-key, with --password-file, or ssh asks on this terminal. May be run again.',
    );
  addSshOptions(command)
    .option('--login-key <file>', 'private key that the hosts let in already, such as that of their image')
    .option('--password-file <file>', 'file whose first line is the password of all hosts')
    .option('--mesh', 'have each host let in each other too, as MPI over many hosts wants it')
    .option(
      '--hosts-entries',
      'add names that are not known to /etc/hosts, here and on every host, by the addresses here',
    )
    .addOption(
      new Option(
        '--address <name=address>',
        'address of a host for --hosts-entries; may be given more than once',
      ).argParser(hostAddress),
    )
    .addOption(jsonOption())
    .addOption(verboseOption())
    .action(async (flags) => {
      const { setUpSsh } = await import('../launch/set-up-ssh.js');
      exit(await setUpSsh(flags));
    });
}
