import { FedloomError } from '@fedloom/engine';
import { decodeFrame } from '../../../packages/fedloom/dist/protocol/codec.js';
import type { Message } from '../../../packages/fedloom/dist/protocol/messages.js';
import { acceptKeys } from '../../../packages/fedloom/dist/server/auth/accept-keys.js';
import { Lobby } from '../../../packages/fedloom/dist/server/lobby/lobby.js';
import { HostedRun } from './hosted-run.js';
import { knownClientsFile } from './identities.js';
import { Intercepted } from './intercepted.js';
import { SimulatedProcess } from './simulated-process.js';
import { URL, type World } from './world.js';

/** How a server's process may end before its runs are complete: its operator takes them up again. */
const MAY_END = new Set(['store.full', 'round.quorum', 'round.void', 'run.clients-missing']);
/** Bytes of bodies that come with their messages count beside the budget. */
const BESIDE_BUDGET_BYTES = 1 << 20;

/** The machine of the server: its runs, and one process after the other that serves them all. */
export class ServerMachine {
  readonly runs: readonly HostedRun[];
  process: SimulatedProcess | undefined;
  starts = 0;

  /** @param worlds of its runs; the first says what goes wrong with the machine */
  constructor(private readonly worlds: readonly [World, ...World[]]) {
    this.runs = worlds.map((world) => new HostedRun(world));
  }

  get isDone(): boolean {
    return this.runs.every(({ result }) => result !== undefined);
  }

  start(): void {
    const [{ time, dice, witness }] = this.worlds;
    this.starts += 1;
    const process = new SimulatedProcess(`server#${this.starts}`, time);
    this.process = process;
    witness.trace(process.name, 'starts');
    let isOver = false;
    process.onKilled(() => {
      witness.trace(process.name, 'is gone');
      for (const run of this.runs) run.lost();
      if (!isOver) time.in(dice.logarithmic(50, 20_000), () => this.start());
    });
    this.#serve(process).then(
      () => {
        isOver = true;
        process.kill();
      },
      (error: unknown) => {
        const code = error instanceof FedloomError ? error.code : 'bug';
        const mended = this.runs.filter((run) => run.mend());
        witness.trace(process.name, `ends: ${code} ${error instanceof Error ? error.message : error}`);
        if (!MAY_END.has(code) && !(code === 'journal.corrupt' && mended.length > 0))
          witness.problem(`the server ended with ${code}: ${error instanceof Error ? error.stack : error}`);
        process.kill();
      },
    );
  }

  async #serve(process: SimulatedProcess): Promise<void> {
    const [world] = this.worlds;
    const { network, witness, scenario } = world;
    const nonces = world.dice.of(`nonces ${this.starts}`);
    const nonce = () => Array.from({ length: 32 }, () => nonces.whole(0, 15).toString(16)).join('');
    const auth = scenario.identified ? { auth: [acceptKeys(knownClientsFile())] } : {};
    const lobby = new Lobby({ clock: process.clock, nonce, ...auth });
    const opened = [];
    for (const run of this.runs) opened.push(await run.open(process, lobby));
    const listener = network.listen(URL, process, (connection) => {
      const see = this.#witnessOf();
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
    for (const run of opened) run.begin();
    try {
      await Promise.all(opened.map((run) => run.ended()));
    } finally {
      await listener.close();
      lobby.close();
      // What closes its connections tells them so a moment later.
      await process.sleep(scenario.seed % 2 === 0 ? 100 : 1);
      if (lobby.budget.usedBytes !== 0)
        witness.problem(`${lobby.budget.usedBytes} bytes of the budget were never given back`);
    }
  }

  /** Sees what is sent over one connection, as that of the run whose it is. */
  #witnessOf(): (frame: Uint8Array) => void {
    const [{ witness }] = this.worlds;
    let see = witness.ofServer();
    if (this.worlds.length === 1) return see;
    return (frame) => {
      const message = messageIn(frame);
      const other = message?.type === 'welcome' && this.worlds.find(({ run }) => run === message.run);
      if (other) see = other.witness.ofServer();
      see(frame);
    };
  }
}

function messageIn(frame: Uint8Array): Message | undefined {
  const read = decodeFrame(frame);
  return read.kind === 'control' ? (read.message as Message) : undefined;
}
