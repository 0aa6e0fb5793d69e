import type { FederationServer } from '../../server/create-server.js';
import { removeAdminFiles, writeAdminFiles } from '../../store/admin-file.js';
import type { OperatorOptions } from './admin-flags.js';

export interface OperatedServer {
  readonly server: FederationServer;
  /** That of the server, when its operators are answered no more. */
  readonly result: FederationServer['result'];
}

/**
 * Opens a server whose operators are answered; they find the way in the run's folder.
 * @param options undefined: nobody is answered
 * @throws FedloomError `admin.*`, and what `open` throws
 */
export async function withOperators(
  options: OperatorOptions | undefined,
  folder: string,
  open: () => Promise<FederationServer>,
): Promise<OperatedServer> {
  if (options === undefined) {
    const server = await open();
    return { server, result: server.result };
  }
  // Loaded for servers only. It listens first: when the run is there, its events are not to wait for anything.
  const { listenAdmin } = await import('../../server/admin/admin-server.js');
  const admin = await listenAdmin(options);
  const close = async () => {
    await removeAdminFiles(folder);
    await admin.close();
  };
  try {
    const { token, observerToken } = options;
    await writeAdminFiles(folder, { url: admin.url, token, observerToken, pid: process.pid });
    const server = await open();
    admin.attach(server.control);
    return { server, result: server.result.finally(close) };
  } catch (error) {
    await close();
    throw error;
  }
}
