import type { ClientMachine } from './client-machine.js';
import type { HostedRun } from './hosted-run.js';
import { intrude } from './intruder.js';
import type { ServerMachine } from './server-machine.js';
import type { World } from './world.js';

/** Decided when the pause begins, and not on the disk yet: a round, and the one that its clients were asked for meanwhile. */
const UNDER_WAY = 2;

/** Plans what happens to machines and networks, all of it before the time of quiet. What happens to lines and writes is drawn there. */
export function injectFaults(
  world: World,
  { server, run, clients }: { server: ServerMachine; run: HostedRun; clients: readonly ClientMachine[] },
): void {
  const { time, witness, network, scenario } = world;
  const { faults } = scenario;
  const dice = world.dice.of('injector');
  const often = (times: number, happens: () => void) => {
    for (let i = 0; i < times; i += 1) time.at(dice.between(0, faults.quietFromMs), happens);
  };
  const forMs = () => Math.min(dice.logarithmic(100, 200_000), faults.quietFromMs - time.nowMs);

  often(faults.serverCrashes, () => {
    if (!server.process?.isAlive) return;
    witness.fault('server crash', server.process.name);
    server.process.kill();
  });
  often(faults.clientCrashes, () => {
    const { process } = dice.pick(clients);
    if (!process?.isAlive) return;
    witness.fault('client crash', process.name);
    process.kill();
  });
  often(faults.clientsLeave, () => {
    const client = dice.pick(clients);
    if (!client.process?.isAlive) return;
    witness.fault('client leaves', client.name);
    client.leave();
  });
  often(faults.pauses, () => {
    const process = dice.chance(0.3) ? server.process : dice.pick(clients).process;
    if (!process?.isAlive) return;
    witness.fault('pause', process.name);
    process.pause(forMs());
  });
  often(faults.partitions, () => {
    const apart = clients.map(({ name }) => name).filter(() => dice.chance(0.5));
    if (apart.length === 0) return;
    witness.fault('partition', apart.join(' '));
    network.part(apart);
    time.in(forMs(), () => network.join(apart));
  });
  often(faults.operatorPauses, () =>
    pauseRun(world, server, run, Math.min(dice.logarithmic(10_000, 200_000), faults.quietFromMs - time.nowMs)),
  );
  often(faults.operatorStops, () => {
    if (run.steering === undefined || witness.durable.rounds.length === 0) return;
    witness.fault('operator stops', 'the run');
    run.stop();
  });
  often(faults.diskFull, () => {
    witness.trace('fault', 'the disk fills up');
    run.fill(forMs());
  });
  let intruders = 0;
  often(faults.intruders, () => {
    intruders += 1;
    intrude(world, `intruder-${intruders}`, dice.of(`intruder ${intruders}`));
  });
}

/** An operator pauses the run and has it go on later, unless its process is gone by then, and the pause with it. */
function pauseRun({ time, witness }: World, server: ServerMachine, run: HostedRun, forMs: number): void {
  const { steering } = run;
  const { process } = server;
  if (steering === undefined || steering.isPaused || !process?.isAlive) return;
  witness.fault('operator pauses', process.name);
  steering.pause();
  const known = witness.durable.rounds.length;
  time.in(forMs, () => {
    // A crash ends the pause, and so does a stop; a run that has ended meanwhile was not held up.
    const isOver = run.result !== undefined;
    if (server.process !== process || run.stoppedAt !== undefined || !(process.isAlive || isOver)) return;
    const decided = witness.durable.rounds.length - known;
    if (decided > UNDER_WAY) witness.problem(`${decided} rounds were decided while the run was paused`);
    witness.trace('operator', 'the run is to go on');
    steering.goOn();
  });
}
