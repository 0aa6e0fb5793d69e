/** Clients that come all at once and, told `churn`, go and come back, until they are told that it is `over`: `node crowd-clients.js <JSON of CrowdOptions>`. */

import { joinFederation, RandomStream } from 'fedloom';
import { type CrowdOptions, type CrowdSays, crowdTask } from './crowd-terms.js';

const { url, from, count, parameters, seed, staysMs } = JSON.parse(process.argv[2] ?? '{}') as CrowdOptions;
const task = crowdTask(parameters);
let churns = false;
/** Whoever is away when the run ends would look for its server for a while. */
const over = new AbortController();
process.on('message', (message) => {
  if (message === 'churn') churns = true;
  if (message === 'over') over.abort();
});
process.on('disconnect', () => process.exit(1));

async function member(index: number): Promise<void> {
  const random = RandomStream.of(seed, `member ${index}`);
  while (!over.signal.aborted) {
    const leaving = new AbortController();
    // Looks up twice as often as it goes, on average.
    const timer = setInterval(() => churns && random.next() < 0.5 && leaving.abort(), 1 + staysMs * random.next());
    try {
      const finish = await joinFederation(url, {
        clients: [{ from: index, count: 1 }],
        task,
        workers: 1,
        signal: AbortSignal.any([leaving.signal, over.signal]),
      });
      if (finish !== undefined) return;
    } finally {
      clearInterval(timer);
    }
  }
}

await Promise.all(Array.from({ length: count }, (_, i) => member(from + i)));
process.send?.({ type: 'ended' } satisfies CrowdSays);
process.disconnect();
