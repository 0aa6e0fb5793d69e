import { JsonEvents } from './report/json-events.js';
import { Log, type LogFormat, type LogOwner } from './report/log.js';
import { Screen } from './report/screen.js';

/** Where a command writes: lines for people, and with `--json` events for programs. */
export interface Terminal {
  readonly screen: Screen;
  readonly json: JsonEvents | undefined;
  /** Where what is for people goes with `--log-format json`; what the screen is told goes there too. */
  readonly log?: Log;
}

/**
 * With `--json`, stdout carries events alone and everything for people goes to stderr, also what a task's own code logs.
 * Without it people read stdout.
 * @param logged in which form that is written, and whose it is
 */
export async function openTerminal(
  json: boolean,
  logged?: { readonly format: LogFormat; readonly owner: LogOwner },
): Promise<Terminal> {
  const stream = json ? process.stderr : process.stdout;
  const log = logged?.format === 'json' ? new Log(stream, logged.owner) : undefined;
  const screen = await Screen.open(log?.lines() ?? stream, log === undefined ? process.env : {});
  globalThis.console = screen.console();
  return { screen, json: json ? new JsonEvents(process.stdout) : undefined, ...(log && { log }) };
}
