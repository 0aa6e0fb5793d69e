import { EventEmitter } from 'node:events';
import { FedloomError } from '@fedloom/engine';
import type { Emitter } from '../../../packages/fedloom/dist/core/emitter.js';
import type { RunResult } from '../../../packages/fedloom/dist/core/records.js';
import { readLog } from '../../../packages/fedloom/dist/journal/entries.js';
import { Lobby } from '../../../packages/fedloom/dist/server/lobby/lobby.js';
import type { FederationEvents } from '../../../packages/fedloom/dist/server/run/federation-options.js';
import { openFederation } from '../../../packages/fedloom/dist/server/run/open-federation.js';
import type { RunOptions } from '../../../packages/fedloom/dist/server/run/run-options.js';
import { Disk, journalOn } from './disk.js';
import { Intercepted } from './intercepted.js';
import { isBuffered, stagesOf } from './scenario.js';
import { SimulatedProcess } from './simulated-process.js';
import { isQuiet, RUN, taskOf, URL, type World } from './world.js';

/** How a server's process may end before its run is complete: its operator takes the run up again. */
const MAY_END = new Set(['store.full', 'round.quorum', 'round.void', 'run.clients-missing']);
const WAITS = { deadlineMs: 120_000, graceMs: 10_000, noticeEveryMs: 30_000, farewellMs: 10_000 };
/** Bytes of bodies that come with their messages count beside the budget. */
const BESIDE_BUDGET_BYTES = 1 << 20;

/** The machine of the server: a disk, and one process after the other. */
export class ServerMachine {
  readonly disk: Disk;
  result: RunResult | undefined;
  process: SimulatedProcess | undefined;
  starts = 0;
  /** What it does now, for whoever asks why nothing happens. */
  doing = 'has not started';
  #fullUntilMs = 0;
  /** Puts the log right again that was damaged, as an operator does from a copy. */
  #mend: (() => void) | undefined;

  constructor(private readonly world: World) {
    const dice = world.dice.of('server disk');
    const { scenario, time, witness } = world;
    this.disk = new Disk(
      dice,
      (write, what) => {
        if (time.nowMs < this.#fullUntilMs) {
          witness.fault('disk full', what);
          return 'full';
        }
        if (isQuiet(world) || !dice.chance(scenario.faults.crashAtWrite)) return 'written';
        witness.fault('crash at write', `${write} ${what}`);
        return 'crash';
      },
      () => dice.logarithmic(...scenario.diskMs),
      (bytes) => witness.durable.appended(bytes),
    );
  }

  get isDone(): boolean {
    return this.result !== undefined;
  }

  fill(forMs: number): void {
    this.#fullUntilMs = this.world.time.nowMs + forMs;
  }

  start(): void {
    const { time, dice, witness } = this.world;
    this.starts += 1;
    const process = new SimulatedProcess(`server#${this.starts}`, time);
    this.process = process;
    witness.trace(process.name, 'starts');
    process.onKilled(() => {
      witness.trace(process.name, 'is gone');
      if (!this.isDone) time.in(dice.logarithmic(50, 20_000), () => this.start());
    });
    this.#serve(process).then(
      (result) => {
        witness.trace(process.name, `is done: ${result.modelHash}`);
        this.result = result;
        process.kill();
      },
      (error: unknown) => {
        const code = error instanceof FedloomError ? error.code : 'bug';
        const mend = this.#mend;
        this.#mend = undefined;
        mend?.();
        witness.trace(process.name, `ends: ${code} ${error instanceof Error ? error.message : error}`);
        if (!MAY_END.has(code) && !(code === 'journal.corrupt' && mend !== undefined))
          witness.problem(`the server ended with ${code}: ${error instanceof Error ? error.stack : error}`);
        process.kill();
      },
    );
  }

  async #serve(process: SimulatedProcess): Promise<RunResult> {
    const { network, witness, time, scenario } = this.world;
    const nonces = this.world.dice.of(`nonces ${this.starts}`);
    const nonce = () => Array.from({ length: 32 }, () => nonces.whole(0, 15).toString(16)).join('');
    const lobby = new Lobby({ clock: process.clock, nonce });
    // A process that has died before it could say that its journal is damaged leaves it as it was.
    if (this.#mend === undefined) {
      witness.durable.found(this.disk.log);
      this.#damage();
    }
    this.doing = 'opens its journal';
    const events = new EventEmitter() as unknown as Emitter<FederationEvents>;
    const { federation, announce, close } = await openFederation(taskOf(this.world, process), this.#options(process), {
      lobby,
      events,
      evaluator: undefined,
      waits: WAITS,
    });
    if (this.#mend !== undefined) witness.problem('a damaged journal was taken for a whole one');
    this.doing = 'serves';
    events.on('warning', ({ code, message }) => {
      this.doing = `${code} (${time.nowMs.toFixed(0)} ms): ${message}`;
      witness.trace(process.name, `${code}: ${message}`);
    });
    events.on('refused', ({ client, code }) => witness.trace(process.name, `refuses client ${client}: ${code}`));
    events.on('round', ({ round, version }) => witness.trace(process.name, `round ${round}: ${version.hash}`));
    const listener = network.listen(URL, process, (connection) => {
      const see = witness.ofServer();
      lobby.accept(
        new Intercepted(connection, (frame) => {
          see(frame);
          const { usedBytes, capacityBytes } = lobby.budget;
          if (usedBytes > capacityBytes + BESIDE_BUDGET_BYTES)
            witness.problem(`bodies take ${usedBytes} of ${capacityBytes} bytes`);
          return [frame];
        }),
      );
    });
    announce();
    federation.open();
    try {
      return await federation.result;
    } finally {
      this.doing = 'ends';
      await close();
      await listener.close();
      lobby.close();
      // What closes its connections tells them so a moment later.
      await process.sleep(scenario.seed % 2 === 0 ? 100 : 1);
      if (lobby.budget.usedBytes !== 0)
        witness.problem(`${lobby.budget.usedBytes} bytes of the budget were never given back`);
    }
  }

  /** The disk gives back other bytes than were written. What a crash has torn stays as it is. */
  #damage(): void {
    const { scenario, witness } = this.world;
    const { disk } = this;
    if (isQuiet(this.world) || !disk.dice.chance(scenario.faults.rot)) return;
    const whole = disk.log;
    const { end } = readLog(whole);
    if (whole.length === 0 || end.kind !== 'whole') return;
    const at = disk.dice.whole(0, whole.length - 1);
    witness.fault('rot', `byte ${at} of ${whole.length}`);
    disk.log = whole.slice();
    disk.log[at] = (whole[at] ?? 0) ^ disk.dice.whole(1, 255);
    this.#mend = () => {
      disk.log = whole;
    };
  }

  #options(process: SimulatedProcess): RunOptions {
    const { scenario } = this.world;
    const { seed, clients, clientsPerRound, rounds, evaluateEvery, deadlineMs, graceMs, minimumClients, patience } =
      scenario;
    return {
      run: RUN,
      seed,
      clients,
      clientsPerRound,
      rounds,
      evaluateEvery,
      deadlineMs,
      graceMs,
      minimumClients,
      stages: stagesOf(scenario),
      ...(patience !== null && { patience }),
      ...(scenario.keepsBest && { keepBest: 'loss' }),
      ...(!isBuffered(scenario) && { quorum: scenario.quorum }),
      journal: { storage: journalOn(this.disk, process), mode: 'resume-or-begin', alsoFinished: true },
    };
  }
}
