import { FedloomError } from '@fedloom/engine';
import { type Command, CommanderError } from 'commander';
import { closeAllPools } from '../compute/workers/batching-pool.js';
import { failOpenRuns } from '../store/run-folder.js';
import { startedAs } from '../transport/mpi/launched-as.js';
import { normalizeArguments } from './arguments.js';
import { asFedloomError } from './as-fedloom-error.js';
import { FailedRun } from './conduct-run.js';
import { buildProgram } from './program.js';
import { errorEvent, JsonEvents } from './report/json-events.js';
import { LOG_ROLES, Log } from './report/log.js';
import { errorLines } from './report/reporter.js';
import { resumeHint } from './resume-hint.js';
import { isUsageError } from './usage-error.js';

const FAILED = 1;
const USAGE = 2;
/** Those that know of ranks. */
const RANKED_COMMANDS: readonly string[] = ['node', 'run', 'resume'];
/**
 * What is wrong on all ranks the first one says, and ends with it, whereupon the launcher ends the others. What is wrong here
 * alone is said after so long.
 */
const SAYING_MS = 3000;
/** For threads to come out of what they do, where the process ends in the midst of it. */
const PATIENCE_MS = 5000;

// Whoever read our output may have gone (`fedloom runs show x | head`): what is left to do does not depend on it.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {});

/** Does what the arguments say and ends the process. */
export async function commandLine(args: readonly string[]): Promise<never> {
  // What nobody awaited, mostly in a task's own code: the state of the run is unknown, so it ends here.
  process.on('uncaughtException', (error) => endFor(error, args));
  process.on('beforeExit', () => {
    const message =
      "Nothing is left to do, but the command is not done: a promise of the task's own code never settles.";
    endFor(new FedloomError('task.stuck', message), args);
  });
  const code = await runCommand(args);
  // What the run came to in the meantime changes nothing.
  if (ending !== undefined) return ending;
  await Promise.all([process.stdout, process.stderr].map(drained));
  // Said, because a task's own training code may leave timers or sockets behind that would keep the process alive.
  process.exit(code);
}

/** The process is about to end, with an error that was told. */
let ending: Promise<never> | undefined;

/** Ends the process in the midst of whatever it does; the first reason counts. */
function endFor(error: unknown, args: readonly string[]): void {
  ending ??= endWith(error, tell(error, args));
}

async function endWith(error: unknown, code: number): Promise<never> {
  setTimeout(() => process.exit(code), PATIENCE_MS);
  // Else its folder would say for ever that the run goes on.
  for (const path of await failOpenRuns(asFedloomError(error))) process.stderr.write(`${resumeHint(path)}\n`);
  await closeAllPools().catch(() => {});
  process.exit(code);
}

async function runCommand(args: readonly string[]): Promise<number> {
  let exitCode = 0;
  const exit = (code: number) => {
    exitCode = code;
  };
  const program = buildProgram(exit);
  try {
    await program.parseAsync(normalizeArguments(args), { from: 'user' });
    return exitCode;
  } catch (error) {
    if (isOtherRank(args)) await new Promise((resolve) => setTimeout(resolve, SAYING_MS));
    if (error instanceof CommanderError) return tellUsage(error, args, program);
    return ending === undefined ? tell(error, args) : FAILED;
  }
}

function tellUsage({ code, message }: CommanderError, args: readonly string[], program: Command): number {
  if (code === 'commander.helpDisplayed' || code === 'commander.version') return 0;
  if (isOtherRank(args)) return USAGE;
  // Without a command, commander has shown the help.
  if (code === 'commander.help') return USAGE;
  const [what = '', guess = ''] = message.replace(/^error: /, '').split('\n');
  const command = args.find((arg) => !arg.startsWith('-'));
  const known = command !== undefined && code !== 'commander.unknownCommand';
  const help = `See fedloom ${known ? `${command} ` : ''}--help.`;
  const choices = code === 'commander.missingMandatoryOptionValue' ? choicesOf(what, command, program) : '';
  const text = [`${what.replace(/\.$/, '')}.`, choices, guess.replace(/^\((.*)\)$/, '$1'), help]
    .filter((part) => part !== '')
    .join(' ');
  process.stderr.write(`fedloom: ${text}\n`);
  if (args.includes('--json'))
    new JsonEvents(process.stdout).write({ event: 'error', code: 'usage.arguments', message: text });
  return USAGE;
}

/** What an option may be that was left out, where there is a list. @param what names it: `required option '--template <name>' ...` */
function choicesOf(what: string, command: string | undefined, program: Command): string {
  const options = program.commands.find((one) => one.name() === command)?.options ?? [];
  const choices = options.find(({ flags }) => what.includes(`'${flags}'`))?.argChoices;
  return choices === undefined ? '' : `It is one of ${choices.join(', ')}.`;
}

function tell(thrown: unknown, args: readonly string[]): number {
  const error = thrown instanceof FailedRun ? thrown.failure : thrown;
  if (isUsageError(error) && isOtherRank(args)) return USAGE;
  const log = logOf(args);
  if (log === undefined) {
    process.stderr.write(`${errorLines(error, process.stderr.columns ?? 80, args.includes('--verbose'))}\n`);
  } else log.write('error', errorEvent(error));
  if (args.includes('--json'))
    new JsonEvents(process.stdout).write(thrown instanceof FailedRun ? thrown.event : errorEvent(error));
  return isUsageError(error) ? USAGE : FAILED;
}

/** All ranks of an MPI job were given the same arguments: what is wrong with them is told once, by the first. */
function isOtherRank([command = '']: readonly string[]): boolean {
  return RANKED_COMMANDS.includes(command) && (startedAs(process.env)?.rank ?? 0) > 0;
}

/** Where errors go with `--log-format json`, also those of what was typed beside it. */
function logOf(args: readonly string[]): Log | undefined {
  const at = args.findIndex((arg) => /^--log-format(?:=json)?$/.test(arg));
  if (at < 0 || (args[at] === '--log-format' && args[at + 1] !== 'json')) return undefined;
  const role = LOG_ROLES.find((one) => args.includes(one)) ?? 'run';
  return new Log(process.stderr, { role, ...(role === 'server' || role === 'run' ? { rank: 0 } : {}) });
}

/** What was written must leave before the process ends; a reader that has gone waits for nothing. */
function drained(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed) resolve();
    else stream.write('', () => resolve());
  });
}
