import { EventEmitter } from 'node:events';
import type { Emitter } from '../../../packages/fedloom/dist/core/emitter.js';
import type { RunResult } from '../../../packages/fedloom/dist/core/records.js';
import { readLog } from '../../../packages/fedloom/dist/journal/entries.js';
import type { Lobby } from '../../../packages/fedloom/dist/server/lobby/lobby.js';
import type { FederationEvents } from '../../../packages/fedloom/dist/server/run/federation-options.js';
import type { OwnedRange } from '../../../packages/fedloom/dist/server/run/index-owners.js';
import { nodePlatform } from '../../../packages/fedloom/dist/server/run/node-platform.js';
import { openFederation } from '../../../packages/fedloom/dist/server/run/open-federation.js';
import type { RunOptions } from '../../../packages/fedloom/dist/server/run/run-options.js';
import type { Steering } from '../../../packages/fedloom/dist/server/run/steering.js';
import { Disk, journalOn } from './disk.js';
import { isBuffered, stagesOf } from './scenario.js';
import type { SimulatedProcess } from './simulated-process.js';
import { isQuiet, taskOf, type World } from './world.js';

const WAITS = { deadlineMs: 120_000, graceMs: 10_000, noticeEveryMs: 30_000, farewellMs: 10_000 };

/** A run that is open in a process of the server. */
export interface OpenRun {
  /** Lets its clients in. */
  begin(): void;
  /** Settles when it is over, and its result is told. */
  readonly ended: () => Promise<void>;
}

/** What one run has on the server's machine: its disk, its owners, and what came of it. */
export class HostedRun {
  readonly disk: Disk;
  result: RunResult | undefined;
  /** What it does now, for whoever asks why nothing happens. */
  doing = 'has not started';
  /** By which an operator steers it; undefined: nobody serves it now. */
  steering: Steering | undefined;
  /** Rounds that had been decided when an operator stopped it; undefined: nobody did, or the process that was told so died. */
  stoppedAt: number | undefined;
  /** Whose clients are whose, in a file that is written through. */
  readonly #owned: OwnedRange[] = [];
  #fullUntilMs = 0;
  /** Puts the log right again that was damaged, as an operator does from a copy. */
  #mend: (() => void) | undefined;

  constructor(readonly world: World) {
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

  fill(forMs: number): void {
    this.#fullUntilMs = this.world.time.nowMs + forMs;
  }

  /** As an operator ends it: after the round under way. */
  stop(): void {
    this.stoppedAt ??= this.world.witness.durable.rounds.length;
    this.steering?.stopAfterRound('the operator stopped the run');
  }

  /** The process that served it is gone. */
  lost(): void {
    this.steering = undefined;
    if (this.result === undefined) this.stoppedAt = undefined;
  }

  /** @returns whether there was damage */
  mend(): boolean {
    const mend = this.#mend;
    this.#mend = undefined;
    mend?.();
    return mend !== undefined;
  }

  async open(process: SimulatedProcess, lobby: Lobby): Promise<OpenRun> {
    const { witness, time } = this.world;
    // A process that has died before it could say that its journal is damaged leaves it as it was.
    if (this.#mend === undefined) {
      witness.durable.found(this.disk.log);
      this.#damage();
    }
    this.doing = 'opens its journal';
    const events = new EventEmitter() as unknown as Emitter<FederationEvents>;
    const { federation, announce, close } = await openFederation(taskOf(this.world, process), this.#options(process), {
      platform: nodePlatform,
      lobby,
      events,
      evaluator: undefined,
      waits: WAITS,
      owners: { load: () => [...this.#owned], add: (owned) => void this.#owned.push(...owned) },
    });
    if (this.#mend !== undefined) witness.problem('a damaged journal was taken for a whole one');
    this.doing = 'serves';
    events.on('warning', ({ code, message }) => {
      this.doing = `${code} (${time.nowMs.toFixed(0)} ms): ${message}`;
      witness.trace(process.name, `${code}: ${message}`);
    });
    events.on('refused', ({ client, code }) => witness.trace(process.name, `refuses client ${client}: ${code}`));
    events.on('round', ({ round, version }) => witness.trace(process.name, `round ${round}: ${version.hash}`));
    return {
      begin: () => {
        announce();
        federation.open();
        this.steering = federation.steering;
      },
      ended: async () => {
        try {
          this.result = await federation.result;
          witness.trace(process.name, `is done: ${this.result.modelHash}`);
        } finally {
          this.doing = 'ends';
          await close();
        }
      },
    };
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
    const { scenario, run } = this.world;
    const { seed, clients, clientsPerRound, rounds, evaluateEvery, deadlineMs, graceMs, minimumClients, patience } =
      scenario;
    const { overSelect, sampleCountMax } = scenario;
    return {
      run,
      seed,
      clients,
      clientsPerRound,
      rounds,
      evaluateEvery,
      deadlineMs,
      graceMs,
      minimumClients,
      stages: stagesOf(scenario),
      sampleCountMax,
      ...(overSelect > 1 && { overSelect }),
      ...(patience !== null && { patience }),
      ...(scenario.keepsBest && { keepBest: 'loss' }),
      ...(!isBuffered(scenario) && { quorum: scenario.quorum }),
      journal: { storage: journalOn(this.disk, process), mode: 'resume-or-begin', alsoFinished: true },
    };
  }
}
