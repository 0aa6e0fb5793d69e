import type { AdminOptions } from '../../server/admin/admin-server.js';
import type { ServedRun } from '../../server/open-run.js';
import { removeAdminFile, writeAdminFile } from '../../store/admin-file.js';

/**
 * Answers the operators of a run, who find the way in its folder. A run that cannot be begun for them is cancelled.
 * @throws FedloomError `admin.*`
 */
export async function openAdmin(
  served: ServedRun,
  options: AdminOptions,
  folder: string,
): Promise<{ close(): Promise<void> }> {
  try {
    // Loaded for servers only.
    const { serveAdmin } = await import('../../server/admin/admin-server.js');
    const server = await serveAdmin(served.control, options);
    await writeAdminFile(folder, { url: server.url, token: options.token, pid: process.pid });
    return {
      close: async () => {
        await removeAdminFile(folder);
        await server.close();
      },
    };
  } catch (error) {
    await served.close();
    throw error;
  }
}
