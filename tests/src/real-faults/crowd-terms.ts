import { defineTask, type Tensor } from 'fedloom';

/** What the server of a crowd is told, as JSON. */
export interface CrowdServerOptions {
  readonly clients: number;
  readonly clientsPerRound: number;
  readonly rounds: number;
  readonly journal: string;
  /** Parameters of its model. */
  readonly parameters: number;
  /** Measures what it holds, between rounds, so often; absent: never. */
  readonly measureEveryMs?: number;
}

/** Client processes of a crowd: this many clients from this one on, each with a connection of its own. */
export interface CrowdOptions {
  readonly url: string;
  readonly from: number;
  readonly count: number;
  readonly parameters: number;
  readonly seed: number;
  /** How long a client stays, on average, before it leaves and comes back, once it was told to churn. */
  readonly staysMs: number;
}

export type CrowdSays =
  | { readonly type: 'listening'; readonly url: string }
  | { readonly type: 'round'; readonly round: number; readonly counted: number }
  /** Bytes that are left after a collection. */
  | { readonly type: 'measured'; readonly round: number; readonly heap: number; readonly buffers: number }
  | { readonly type: 'ended'; readonly modelHash?: string; readonly comings?: number; readonly leavings?: number };

/** Each client moves the model by what depends on itself: cheap enough that the federation is what takes time. */
export const crowdTask = (parameters: number) =>
  defineTask({
    name: 'crowd',
    trainer: ({ index }) => {
      let params: ReadonlyMap<string, Tensor> = new Map([['w', vector(new Float32Array(parameters))]]);
      return {
        getModelParams: () => params,
        setModelParams: (given) => {
          params = new Map(given);
        },
        train: () => {
          const before = params.get('w')?.data ?? [];
          params = new Map([
            [
              'w',
              vector(
                Float32Array.from({ length: parameters }, (_, i) => Number(before[i]) / 2 + ((index + i) % 9) / 8),
              ),
            ],
          ]);
          return { sampleCount: 1 + (index % 5) };
        },
        test: () => ({ results: {}, sampleCount: 0 }),
      };
    },
  });

function vector(data: Float32Array): Tensor {
  return { dtype: 'float32', shape: [data.length], data };
}
