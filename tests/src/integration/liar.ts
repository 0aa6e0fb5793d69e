import { encodeSafetensors, type Tensor } from 'fedloom';
import { RawClient } from './raw-client.js';

/** What a liar sends for each round that it is asked to train in. */
export interface Lie {
  /** The largest of its values: those of an element and the next differ, so that no class is spared. */
  readonly value: number;
  readonly sampleCount: number;
}

/** A client that trains nothing and lies, in every round, for all tensors of a model like this. */
export async function liar(
  url: string,
  client: number,
  like: ReadonlyMap<string, Tensor>,
  lie: Lie,
): Promise<RawClient> {
  const peer = await RawClient.join(url, client);
  const tensors = [...like].map(([name, { shape, data }]): [string, Tensor] => [
    name,
    {
      dtype: 'float32',
      shape,
      data: Float32Array.from({ length: data.length }, (_, i) => lie.value * (1 - (i % 5) / 2)),
    },
  ]);
  const body = encodeSafetensors(new Map(tensors));
  const facts = { sampleCount: lie.sampleCount, stepCount: 1, meanLoss: 0.1 };
  void (async () => {
    for (;;) {
      const { task, attempt, base } = await peer.next('train');
      peer.sendWithBody({ type: 'update', task, attempt, client, base, facts, trainMs: 1 }, body);
    }
  })().catch(() => {});
  return peer;
}
