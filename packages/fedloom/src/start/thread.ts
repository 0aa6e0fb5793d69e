/** What a worker thread loads: it loads its work with the compile cache. */
import { createRequire } from 'node:module';
import { CLOSING, type PlanMessage } from '../compute/node/plan-task.js';
import { useCompileCache } from './compile-cache.js';

const cache = useCompileCache('thread', __dirname);
const { default: work } = createRequire(__filename)('./plan-work.js') as {
  readonly default: (message: PlanMessage) => Promise<unknown>;
};

export default function thread(message: PlanMessage | typeof CLOSING): Promise<unknown> | undefined {
  if (message !== CLOSING) return work(message);
  // A thread that is ended sees no exit.
  cache.save();
  return undefined;
}
