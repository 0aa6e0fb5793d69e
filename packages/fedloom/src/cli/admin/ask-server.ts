import { FedloomError } from '@fedloom/engine';
import type { RunStatus } from '../../server/run/run-control.js';
import { readAdminFile } from '../../store/admin-file.js';
import { findRun } from '../../store/read-runs.js';

const ANSWER_MS = 10_000;

/**
 * Asks the server of a run on this host.
 * @param act such as `GET /status`
 * @throws FedloomError `store.unknown-run`, `admin.absent`, `admin.refused`
 */
export async function askServer(root: string, id: string, act: string, body?: object): Promise<unknown> {
  const { path, file } = await findRun(root, id);
  const { url, token } = await readAdminFile(path, file.run);
  const [method = '', endpoint = ''] = act.split(' ');
  const request = {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    signal: AbortSignal.timeout(ANSWER_MS),
    ...(body && { body: JSON.stringify(body) }),
  };
  const response = await fetch(url + endpoint, request).catch((cause: unknown) => {
    const message = `The server of ${file.run} does not answer at ${url}: it ended without a word, or is busy. npx fedloom runs show ${file.run} says what is known of it.`;
    throw new FedloomError('admin.absent', message, { run: file.run }, { cause });
  });
  const answer = (await response.json()) as { readonly error?: string };
  if (response.ok) return answer;
  const message = `The server of ${file.run} refused: ${answer.error ?? response.statusText}`;
  throw new FedloomError('admin.refused', message, { run: file.run, status: response.status });
}

export async function askStatus(root: string, id: string): Promise<RunStatus> {
  return (await askServer(root, id, 'GET /status')) as RunStatus;
}
