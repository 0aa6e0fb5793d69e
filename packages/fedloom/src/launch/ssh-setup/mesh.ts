import type { Host } from '../hostfile/host.js';
import type { Place } from '../part.js';
import { runScript, type ScriptEnd } from '../run-script.js';
import type { SshOptions } from '../ssh.js';
import { ADD_KEY, GREET, OWN_KEY } from './scripts.js';

/** What keeps one host from another. */
export interface MeshFailure {
  readonly from: Host;
  /** Undefined: what was to be done on the host itself failed. */
  readonly to: string | undefined;
  readonly end: ScriptEnd;
}

/**
 * Sees to it that each host lets in each other: every host has a key of its own, and all know all. For n hosts that is n times n
 * logins, those from one host one after another.
 * @param ssh port and user, as the hosts use them among themselves
 * @returns what failed; empty: all reach all
 */
export async function meshHosts(places: readonly Place[], ssh: SshOptions): Promise<MeshFailure[]> {
  const keys = await onEach(places, (place) => runScript(place, OWN_KEY, []));
  const lines = keys.map(({ end }) => end.stdout.trim()).filter((line) => line !== '');
  const added = await onEach(places, async (place) => {
    for (const line of lines) {
      const end = await runScript(place, ADD_KEY, [line]);
      if (end.code !== 0) return end;
    }
    return { code: 0, stdout: '', lines: [] };
  });
  const own = [...keys, ...added].filter(({ end }) => end.code !== 0);
  if (own.length > 0) return own.map(({ place, end }) => ({ from: place.host, to: undefined, end }));
  const greeted = await onEach(places, (place) => {
    const others = places.filter((other) => other !== place).map(({ host }) => sshWords(host, ssh));
    return runScript(place, GREET, others);
  });
  return greeted.flatMap(({ place, end }) => {
    const missed = end.stdout.split('\n').filter((line) => line !== '');
    return missed.map((to) => ({ from: place.host, to: to.replace(/^.*-- /, ''), end }));
  });
}

/** Names of hosts and users hold nothing that a shell would read otherwise. */
function sshWords(host: Host, { port, user }: SshOptions): string {
  const login = host.user ?? user;
  return [
    ...(port === undefined ? [] : [`-p ${port}`]),
    ...(login === undefined ? [] : [`-l ${login}`]),
    `-- ${host.name}`,
  ].join(' ');
}

function onEach(places: readonly Place[], work: (place: Place) => Promise<ScriptEnd>) {
  return Promise.all(places.map(async (place) => ({ place, end: await work(place) })));
}
