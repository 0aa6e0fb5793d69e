import type { ChildMessage } from '../../compute/workers/child-messages.js';
import type { WorkReply } from '../../compute/workers/pool-worker.js';
import type { RuntimeOptions } from '../load-runtime.js';
import type { ErrorData } from '../page-messages.js';

/** What a page tells a worker that trains for it. Work is done one message at a time, in their order. */
export type ToPlanWorker =
  | { readonly type: 'start'; readonly runtime: RuntimeOptions }
  | { readonly type: 'work'; readonly message: ChildMessage }
  | { readonly type: 'cancel'; readonly mark: number };

/** One a message of work, in their order; or why there will be none. */
export type FromPlanWorker =
  | { readonly type: 'done'; readonly reply: WorkReply }
  | { readonly type: 'failed'; readonly error: ErrorData };
