import type { ClientMachine } from './client-machine.js';
import { intrude } from './intruder.js';
import type { ServerMachine } from './server-machine.js';
import type { World } from './world.js';

/** Plans what happens to machines and networks, all of it before the time of quiet. What happens to lines and writes is drawn there. */
export function injectFaults(world: World, server: ServerMachine, clients: readonly ClientMachine[]): void {
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
  often(faults.diskFull, () => {
    witness.trace('fault', 'the disk fills up');
    server.fill(forMs());
  });
  let intruders = 0;
  often(faults.intruders, () => {
    intruders += 1;
    intrude(world, `intruder-${intruders}`, dice.of(`intruder ${intruders}`));
  });
}
