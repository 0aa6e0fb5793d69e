import { JsonEvents } from './report/json-events.js';
import { Screen } from './report/screen.js';

/** Where a command writes: lines for people, and with `--json` events for programs. */
export interface Terminal {
  readonly screen: Screen;
  readonly json: JsonEvents | undefined;
}

/**
 * With `--json`, stdout carries events alone and everything for people goes to stderr, also what a task's own code logs.
 * Without it people read stdout.
 */
export async function openTerminal(json: boolean): Promise<Terminal> {
  const screen = await Screen.open(json ? process.stderr : process.stdout, process.env);
  globalThis.console = screen.console();
  return { screen, json: json ? new JsonEvents(process.stdout) : undefined };
}
