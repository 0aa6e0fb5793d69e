import { FedloomError } from '@fedloom/engine';
import { ClientHost } from '../../../packages/fedloom/dist/client/client-host.js';
import { diskStateStore } from '../../../packages/fedloom/dist/client/node/disk-state-store.js';
import { fileStateStore } from '../../../packages/fedloom/dist/client/node/file-state-store.js';
import { serveUntilFinished } from '../../../packages/fedloom/dist/client/serve-until-finished.js';
import { TrainerExecutor } from '../../../packages/fedloom/dist/compute/trainer-executor.js';
import { sha256 } from '../../../packages/fedloom/dist/core/node/sha256.js';
import { SOFTWARE } from '../../../packages/fedloom/dist/core/version.js';
import { ByteBudget } from '../../../packages/fedloom/dist/protocol/byte-budget.js';
import { defaultLimits } from '../../../packages/fedloom/dist/protocol/limits.js';
import type { Dial } from '../../../packages/fedloom/dist/protocol/transport.js';
import { Disk, stateFilesOn } from './disk.js';
import { proofOf } from './identities.js';
import { Intercepted } from './intercepted.js';
import { stagesOf } from './scenario.js';
import { SimulatedProcess } from './simulated-process.js';
import { isQuiet, RUNS, taskOf, URL, type World } from './world.js';

/** How a client's process may end before the run is over: somebody starts it again. */
const MAY_END = new Set(['client.no-server', 'join.held', 'store.full']);
const RETRY_FOR_MS = 60_000;
const BUDGET_BYTES = 1 << 30;

/** A client's process that lies: what it sends instead of what it should, and what it knows. */
export interface Lie {
  instead(frame: Uint8Array): readonly Uint8Array[];
  heard(frame: Uint8Array): void;
}

/** What a machine is for. */
export interface ClientParts {
  readonly name: string;
  readonly clients: readonly number[];
  /** The number of its key. */
  readonly place: number;
  /** Made for each connection; absent: it is honest. */
  readonly lie?: () => Lie;
}

/** The machine of some clients: a disk, and one process after the other. */
export class ClientMachine {
  readonly name: string;
  readonly clients: readonly number[];
  process: SimulatedProcess | undefined;
  isDone = false;
  readonly #disk: Disk;
  #leaving = new AbortController();
  #starts = 0;
  readonly #place: number;
  readonly #lie: (() => Lie) | undefined;

  constructor(
    private readonly world: World,
    { name, clients, place, lie }: ClientParts,
  ) {
    this.name = name;
    this.clients = clients;
    this.#place = place;
    this.#lie = lie;
    const dice = world.dice.of(`disk ${name}`);
    const { scenario, witness } = world;
    this.#disk = new Disk(
      dice,
      (write, what) => {
        if (isQuiet(world) || !dice.chance(scenario.faults.clientCrashAtWrite)) return 'written';
        witness.fault('client crash at write', `${name} ${write} ${what}`);
        return 'crash';
      },
      () => dice.logarithmic(...scenario.diskMs),
    );
  }

  /** Ends its process in order, as Ctrl-C does; it is started again. */
  leave(): void {
    this.#leaving.abort();
  }

  /** @param isServerDone the run is complete, and nobody is there any more */
  start(isServerDone: () => boolean): void {
    const { time, dice, witness, scenario } = this.world;
    this.#starts += 1;
    this.#leaving = new AbortController();
    const process = new SimulatedProcess(this.name, time);
    this.process = process;
    witness.trace(this.name, `starts ${this.#starts}`);
    process.onKilled(() => {
      witness.trace(this.name, 'is gone');
      if (this.isDone) return;
      if (!scenario.statesOnDisk) for (const client of this.clients) witness.forgetful.add(client);
      time.in(dice.logarithmic(50, 20_000), () => this.start(isServerDone));
    });
    this.#serve(process).then(
      (reason) => {
        witness.trace(this.name, `has heard that the run is ${reason}`);
        this.isDone = reason === 'completed';
        process.kill();
      },
      (error: unknown) => {
        const code = error instanceof FedloomError ? error.code : 'bug';
        witness.trace(this.name, `ends: ${code} ${error instanceof Error ? error.message : error}`);
        if (!MAY_END.has(code) && !(code.startsWith('protocol.') && witness.falsified.has(this.name))) {
          witness.problem(`${this.name} ended with ${code}: ${error instanceof Error ? error.stack : error}`);
        }
        this.isDone = isServerDone();
        process.kill();
      },
    );
  }

  async #serve(process: SimulatedProcess): Promise<string | undefined> {
    const { scenario, witness, dice, run } = this.world;
    const executor = new TrainerExecutor({ task: taskOf(this.world, process), concurrency: 3 });
    const states = scenario.statesOnDisk
      ? fileStateStore('/states', stateFilesOn(this.#disk, process))
      : diskStateStore();
    const budget = new ByteBudget(BUDGET_BYTES);
    const host = new ClientHost({
      clients: this.clients.map((from) => ({ from, count: 1 })),
      executor,
      states,
      clock: process.clock,
      hash: sha256,
      budget,
      limits: defaultLimits,
      software: SOFTWARE,
      keptBytesMax: scenario.keptBytesMax,
      extraStages: stagesOf(scenario),
      ...(scenario.hasNeighbour || run !== RUNS.own ? { run } : {}),
      ...(scenario.identified && { auth: [proofOf(this.#place)] }),
      decodePlan: () => {
        throw new Error('there is no plan');
      },
      onEvent: (event) => {
        if (event.type !== 'jobFailed') return;
        witness.trace(this.name, `fails for client ${event.client}: ${event.error}`);
        if (!this.#lie)
          witness.problem(`an honest client failed: ${event.error instanceof Error ? event.error.stack : event.error}`);
      },
    });
    const random = dice.of(`backoff ${this.name} ${this.#starts}`);
    const finish = await serveUntilFinished(URL, host, {
      dial: this.#dialFrom(process),
      clock: process.clock,
      random: () => random.next(),
      retryForMs: RETRY_FOR_MS,
      signal: this.#leaving.signal,
      onEvent: (event) => {
        if (event.type === 'retrying') witness.trace(this.name, `dials again: ${event.reason}`);
      },
    });
    await executor.close();
    await states.close();
    if (budget.usedBytes !== 0) witness.problem(`${this.name} holds ${budget.usedBytes} bytes of bodies at its end`);
    return finish?.reason;
  }

  #dialFrom(process: SimulatedProcess): Dial {
    const { network, witness } = this.world;
    const dial = network.dialFrom(process);
    return async (url, options) => {
      const connection = await dial(url, options);
      const see = witness.ofClient();
      const lie = this.#lie?.();
      return new Intercepted(
        connection,
        (frame) => {
          see(frame);
          return lie?.instead(frame) ?? [frame];
        },
        lie?.heard,
      );
    };
  }
}
