import { FedloomError } from '@fedloom/engine/base';
import type { PageWorker } from './join-options.js';

/** @throws FedloomError `browser.worker` */
export function startWorker(start: () => PageWorker): PageWorker {
  try {
    return start();
  } catch (cause) {
    // Of another host, for instance.
    throw lostWorker({ message: String(cause) });
  }
}

export function lostWorker({ message }: { readonly message?: string }): FedloomError {
  return new FedloomError(
    'browser.worker',
    `The worker of this page failed: ${message || 'its file did not load'}. If your bundler does not bring the file along, make the worker ` +
      "yourself, from 'fedloom/browser/worker' or, where it simulates, 'fedloom/browser/plan-worker', by the option 'worker'.",
  );
}
