/** The entry for who brings the library along: the command `fedloom`. Programs import `@fedloom/transport-mpi` itself. */

import type { MpiPlug, MpiWorld } from 'fedloom';
import { loadAddon } from './addon/load-addon.js';
import { Ends } from './ends.js';
import { checkWorld } from './launched.js';
import type { TransportLibrary } from './library.js';

export const openMpiWith: MpiPlug['openMpiWith'] = async (library, launched) => {
  const addon = await loadAddon(library, launched);
  const ends = new Ends(addon, library);
  const { rank, size, hosts, library: implementation } = ends.exchange.world;
  let open = true;
  const abort = (code: number) => {
    if (!open) return;
    open = false;
    addon.abort(code);
  };
  // Other ranks would wait for this one for ever. Whoever ends without a word has failed.
  process.once('exit', (code) => abort(code === 0 ? 1 : code));
  checkWorld(library, launched, { size, implementation });
  let closing: Promise<void> | undefined;
  const world: MpiWorld = {
    rank,
    size,
    hosts,
    implementation,
    urlOf: (of) => ends.urlOf(of),
    listen: ends.listen,
    dial: ends.dial,
    abort,
    close: () => {
      closing ??= close();
      return closing;
    },
  };
  async function close(): Promise<void> {
    ends.closeAll('this rank is done');
    await ends.exchange.finish();
    open = false;
  }
  return world;
};

export type { TransportLibrary };
