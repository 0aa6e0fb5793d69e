import { failureOf } from './launched-part.js';
import { type Place, startPart } from './part.js';

const LEAVE_SECONDS = 5;

/**
 * Runs a command on every host at once, and waits for all.
 * @param command as a shell reads it
 * @param onLine a line that it wrote on a host
 * @param signal ends it everywhere
 * @throws FedloomError `launch.part-failed`, `launch.ssh` of the first host where it failed, once all have ended
 */
export async function runSetup(
  command: string,
  places: readonly Place[],
  onLine: (host: string, line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const parts = places.map((place) => {
    const { name } = place.host;
    return {
      place,
      part: startPart({ place, command, leaveSeconds: LEAVE_SECONDS, onLine: (line) => onLine(name, line) }),
    };
  });
  const stop = () => {
    for (const { part } of parts) part.stop();
  };
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  try {
    const ends = await Promise.all(parts.map(async ({ place, part }) => ({ place, end: await part.ended })));
    const failed = ends.find(({ end }) => end.code !== 0);
    if (failed !== undefined && !signal.aborted) {
      throw failureOf(`The set-up of ${failed.place.host.name}`, failed.place, failed.end);
    }
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
