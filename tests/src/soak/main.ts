/**
 * Rounds for as long as one likes, by clients that come and go, and what the server holds after each collection:
 * `npm run soak -- --minutes 60`. Says how fast that grows by round, with a 95 % confidence interval; ends with 1 if zero lies below it.
 */

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { CrowdOptions, CrowdSays, CrowdServerOptions } from '../real-faults/crowd-terms.js';
import { Member } from '../real-faults/member.js';
import { slopeOf } from './slope.js';

const CLIENTS = 40;
const PARAMETERS = 10_000;
const ROUNDS_MAX = 2 ** 31 - 1;
/** So often it is measured: a collection takes longer than many rounds. */
const MEASURE_EVERY_MS = 2_000;
/** Of the measurements, at the beginning: code is compiled, and pools fill. */
const WARM_UP = 0.2;
/** A client process is killed and started again so often. */
const KILL_EVERY_MS = 20_000;

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '60' } } });
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new RangeError(`--minutes is a number above 0, not ${values.minutes}`);
const folder = await mkdtemp(join(tmpdir(), 'fedloom-soak-'));
const members = new Set<Member<CrowdSays>>();
try {
  process.exitCode = await soak();
} finally {
  for (const member of members) await member.kill();
  await rm(folder, { recursive: true, force: true });
}

async function soak(): Promise<number> {
  const options: CrowdServerOptions = {
    ...{ clients: CLIENTS, clientsPerRound: 10, rounds: ROUNDS_MAX, parameters: PARAMETERS, journal: folder },
    measureEveryMs: MEASURE_EVERY_MS,
  };
  const server = member('crowd-server.js', options);
  const { url } = await server.says('listening');
  const crowd = (from: number, seed: number): Member<CrowdSays> => {
    const terms: CrowdOptions = { url, from, count: CLIENTS / 2, parameters: PARAMETERS, seed, staysMs: 3_000 };
    const clients = member('crowd-clients.js', terms);
    clients.tell('churn');
    return clients;
  };
  let [first, second] = [crowd(0, 0), crowd(CLIENTS / 2, 1)];
  // Rejects as soon as the server dies, which nothing here does to it.
  const ended = server.says('ended');
  const untilMs = performance.now() + minutes * 60_000;
  for (let kills = 0; performance.now() < untilMs; kills += 1) {
    await Promise.race([sleep(Math.min(KILL_EVERY_MS, untilMs - performance.now())), ended]);
    members.delete(first);
    await first.kill();
    [first, second] = [second, crowd(kills % 2 === 0 ? 0 : CLIENTS / 2, kills + 2)];
  }
  server.tell('stop');
  const { comings, leavings } = await ended;
  for (const clients of [first, second]) clients.tell('over');
  for (const clients of [first, second]) await clients.says('ended');
  const measured = server.said.filter((word) => word.type === 'measured');
  const last = measured.at(-1)?.round ?? 0;
  console.log(`${last} rounds in ${minutes} minutes; clients came ${comings} times and went ${leavings} times.`);
  const steady = measured.slice(Math.floor(measured.length * WARM_UP));
  const grow = (['heap', 'buffers'] as const).map((what) => {
    const { slope, low, high } = slopeOf(steady.map((one) => [one.round, one[what]] as const));
    const from = ((steady[0]?.[what] ?? 0) / 2 ** 20).toFixed(1);
    const to = ((steady.at(-1)?.[what] ?? 0) / 2 ** 20).toFixed(1);
    const within = low <= 0 && 0 <= high ? 'zero lies within' : 'zero lies outside';
    console.log(
      `${what}: ${from} to ${to} MiB; ${slope.toFixed(3)} bytes a round, 95 % interval ${low.toFixed(3)} to ${high.toFixed(3)}: ${within}`,
    );
    return low > 0;
  });
  return grow.includes(true) ? 1 : 0;
}

function member(script: string, options: object): Member<CrowdSays> {
  const made = new Member<CrowdSays>(script, options);
  members.add(made);
  return made;
}
