import { FedloomError } from '@fedloom/engine';
import type { Clock } from '../../core/clock.js';
import type { MessageDefinition } from '../../protocol/define-message.js';
import type { Finish } from '../../protocol/messages.js';
import { SessionDoor, type SessionDoorOptions } from './session-door.js';

/** Runs that are over and still told who comes back to them; of older ones nothing is known. */
const ENDED_MAX = 256;
/** Names in an error's text. */
const NAMES_MAX = 20;

interface Ended {
  readonly welcome: SessionDoorOptions['welcome'];
  readonly finish: Finish;
}

/** Where a client goes: to a run, or home with the news that its run is over. */
export type Destination = { readonly kind: 'open'; readonly door: SessionDoor } | ({ readonly kind: 'ended' } & Ended);

/** A lobby's doors by the names of their runs. */
export class Doors {
  readonly #doors = new Map<string, SessionDoor>();
  /** In the order in which they ended. */
  readonly #ended = new Map<string, Ended>();

  constructor(private readonly clock: Clock) {}

  /** Names of the runs that are not over. */
  get open(): readonly string[] {
    return [...this.#doors].filter(([, { finish }]) => finish === undefined).map(([run]) => run);
  }

  /** @throws FedloomError `lobby.run-taken` */
  add(options: SessionDoorOptions): SessionDoor {
    const { run } = options.welcome;
    this.refuseTaken(run);
    this.#ended.delete(run);
    const door = new SessionDoor(options, this.clock, (finish) => this.#over(options, finish));
    this.#doors.set(run, door);
    return door;
  }

  /** @throws FedloomError `lobby.run-taken` */
  refuseTaken(run: string): void {
    if (this.#doors.has(run)) throw runTaken(run);
  }

  /** An own message of some run. */
  definition(type: string): MessageDefinition | undefined {
    for (const { options } of this.#doors.values()) {
      const definition = options.messages.registry.get(type);
      if (definition !== undefined) return definition;
    }
    return undefined;
  }

  /**
   * @param run default: the only one
   * @throws FedloomError `lobby.run`: no such run, or none was named and there are several; `lobby.empty`: there is none at all
   */
  find(run: string | undefined): Destination {
    const { open } = this;
    const name = run ?? (open.length > 0 ? only(open) : only([...this.#doors.keys()]));
    const door = name === undefined ? undefined : this.#doors.get(name);
    if (door !== undefined) return { kind: 'open', door };
    const ended = name === undefined ? undefined : this.#ended.get(name);
    if (ended !== undefined) return { kind: 'ended', ...ended };
    throw open.length === 0 ? noRuns(run) : run === undefined ? severalRuns(open) : noSuchRun(run, open);
  }

  #over({ welcome }: SessionDoorOptions, finish: Finish): void {
    this.#doors.delete(welcome.run);
    this.#ended.set(welcome.run, { welcome, finish });
    const [oldest] = this.#ended.keys();
    if (this.#ended.size > ENDED_MAX && oldest !== undefined) this.#ended.delete(oldest);
  }
}

function only<T>(list: readonly T[]): T | undefined {
  return list.length === 1 ? list[0] : undefined;
}

function runTaken(run: string): FedloomError {
  const message = `A run named ${run} is open here already. Give each run a name of its own.`;
  return new FedloomError('lobby.run-taken', message, { run });
}

function noRuns(run: string | undefined): FedloomError {
  const which = run === undefined ? 'No run' : `No run named ${run}, nor any other,`;
  return new FedloomError(
    'lobby.empty',
    `${which} is open here now. Try again later.`,
    run === undefined ? {} : { run },
  );
}

function noSuchRun(run: string, open: readonly string[]): FedloomError {
  const message = `No run named ${run} is open here. Open: ${listed(open)}.`;
  return new FedloomError('lobby.run', message, { run, open });
}

function severalRuns(open: readonly string[]): FedloomError {
  const message = `Several runs are open here: name one of ${listed(open)}.`;
  return new FedloomError('lobby.run', message, { open });
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, NAMES_MAX).join(', ');
  return names.length > NAMES_MAX ? `${shown} and ${names.length - NAMES_MAX} more` : shown;
}
