import { Command } from 'commander';
import { VERSION } from '../core/version.js';
import { addAuditCommand } from './commands/audit.js';
import { addCertsCommand } from './commands/certs.js';
import { addClientCommand } from './commands/client.js';
import { addClientsCommand } from './commands/clients.js';
import { addDoctorCommand } from './commands/doctor.js';
import { addEvaluateCommand } from './commands/evaluate.js';
import { addExportCommand } from './commands/export.js';
import { addHelpCommand } from './commands/help.js';
import { addLaunchCommand } from './commands/launch.js';
import { addNewCommand } from './commands/new.js';
import { addNodeCommand } from './commands/node.js';
import { addPartitionCommand } from './commands/partition.js';
import { addPredictCommand } from './commands/predict.js';
import { addResumeCommand } from './commands/resume.js';
import { addRunCommand } from './commands/run.js';
import { addRunsCommand } from './commands/runs.js';
import { addServerCommand } from './commands/server.js';
import { addSshSetupCommand } from './commands/ssh-setup.js';
import { addStatisticsCommand } from './commands/statistics.js';
import { addStatusCommand } from './commands/status.js';
import { helpStyle } from './help.js';

/**
 * The command line's grammar.
 * @param exit is told the exit code of a command that ended otherwise than well
 */
export function buildProgram(exit: (code: number) => void): Command {
  const program = new Command('fedloom')
    .description('Federated learning: many parties train one model together, their data stay where they are.')
    .version(VERSION, '-v, --version', 'say the version')
    .helpOption('-h, --help', 'show this help')
    .configureHelp(helpStyle)
    .addHelpText('after', '\nExample: fedloom run examples/01-mnist/task.ts 100 10 30')
    // Settings are inherited by the commands added below: errors come back as exceptions, and are told by `main`.
    .exitOverride()
    .configureOutput({ outputError: () => {} });
  addNewCommand(program, exit);
  addRunCommand(program, exit);
  addServerCommand(program, exit);
  addLaunchCommand(program, exit);
  addResumeCommand(program, exit);
  addClientCommand(program, exit);
  addNodeCommand(program, exit);
  addPartitionCommand(program, exit);
  addStatisticsCommand(program, exit);
  addSshSetupCommand(program, exit);
  addAuditCommand(program);
  addCertsCommand(program);
  addClientsCommand(program);
  addDoctorCommand(program, exit);
  addEvaluateCommand(program, exit);
  addExportCommand(program, exit);
  addPredictCommand(program, exit);
  addRunsCommand(program);
  addStatusCommand(program);
  addHelpCommand(program);
  return program;
}
