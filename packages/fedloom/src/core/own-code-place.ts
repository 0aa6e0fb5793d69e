import { FedloomError } from '@fedloom/engine/base';

/** Node itself, installed packages, and fedloom where it is worked on. */
const OTHERS = /^node:|[\\/]node_modules[\\/]|[\\/]packages[\\/](?:engine|fedloom)[\\/](?:dist|src)[\\/]|^<|^native$/;

/**
 * Where in somebody's own code an error arose, by its stack: `task.ts:12`, without the folder, since it may travel. Undefined where
 * no frame is of such code.
 */
export function ownCodePlace(stack: string): string | undefined {
  for (const frame of stack.split('\n')) {
    const [, place, line] = /^\s*at (?:.*\()?(.+):(\d+):\d+\)?$/.exec(frame) ?? [];
    if (place === undefined || line === undefined || OTHERS.test(place.replace(/^async /, ''))) continue;
    return `${place.replace(/^.*[\\/]/, '')}:${line}`;
  }
  return undefined;
}

/** What an error says; of what somebody's own code threw, with where in it that was. */
export function textWithPlace(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const place = error instanceof FedloomError ? undefined : ownCodePlace(error.stack ?? '');
  return place === undefined ? error.message : `${error.message} (${place})`;
}
