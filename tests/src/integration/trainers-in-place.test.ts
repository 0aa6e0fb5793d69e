import {
  createServer,
  defineTask,
  joinFederation,
  type NamedTensors,
  type RunResult,
  simulate,
  type Trainer,
  type TrainerClient,
  type TrainerTaskDefinition,
} from 'fedloom';
import { describe, expect, it } from 'vitest';

/** What the clients add to the model; from 1 the mean is 1 + 2/3. */
const ADDED = [1, 2, -1];
const RIGHT = Math.fround(5 / 3);
const SIZE = { clients: 3, clientsPerRound: 3, rounds: 1 };

type Numbers = Float32Array<ArrayBuffer>;
const numbersOf = (params: NamedTensors) => params.get('w')?.data as Numbers;
const later = () => new Promise<void>((resolve) => setTimeout(resolve, 2));

/** Keeps the array it is given and trains in it. */
function keeping({ index }: TrainerClient, over: Partial<Trainer> = {}): Trainer {
  let w: Numbers = Float32Array.of(1);
  return {
    getModelParams: () => ({ w }),
    setModelParams(params) {
      w = numbersOf(params);
    },
    async train() {
      await later();
      w[0] = (w[0] ?? 0) + (ADDED[index] ?? 0);
      return { sampleCount: 1 };
    },
    test: () => ({ results: { value: w[0] ?? 0 }, sampleCount: 1 }),
    ...over,
  };
}

const task = (trainer: TrainerTaskDefinition['trainer'], more: Partial<TrainerTaskDefinition> = {}) =>
  defineTask({ name: 'in-place', trainer, ...more });

const finalValue = ({ model }: RunResult) => numbersOf(model)[0];

/** One model object behind all trainers of the process, as code from one machine has it. */
function sharing() {
  const model = { w: Float32Array.of(1) };
  let atWork = 0;
  let atWorkMost = 0;
  const trainer = ({ index }: TrainerClient): Trainer => ({
    getModelParams: async () => {
      await later();
      atWork = 0;
      return { w: model.w };
    },
    async setModelParams(params) {
      atWork += 1;
      atWorkMost = Math.max(atWorkMost, atWork);
      await later();
      model.w.set(numbersOf(params));
    },
    async train() {
      await later();
      model.w[0] = (model.w[0] ?? 0) + (ADDED[index] ?? 0);
      await later();
      return { sampleCount: 1 };
    },
    async test() {
      await later();
      const value = model.w[0] ?? 0;
      atWork = 0;
      return { results: { value }, sampleCount: 1 };
    },
  });
  return { trainer, atWorkMost: () => atWorkMost };
}

describe('trainers that work in place', () => {
  for (const workers of [1, 2]) {
    it(`keep and change what they were given, with ${workers} workers: every client starts from the model`, async () => {
      const result = await simulate(task(keeping), { ...SIZE, workers }).result;
      expect(finalValue(result)).toBe(RIGHT);
    });

    it(`share one model object, with ${workers} workers`, async () => {
      const { trainer } = sharing();
      const result = await simulate(task(trainer), { ...SIZE, rounds: 2, workers }).result;
      expect(finalValue(result)).toBe(Math.fround(RIGHT + 2 / 3));
      expect(result.clientMetrics.value).toBeCloseTo(RIGHT + 2 / 3, 6);
    });

    it(`write into what test was given, with ${workers} workers: the model is not theirs`, async () => {
      const spoils = (client: TrainerClient) => {
        let set: NamedTensors = new Map();
        return keeping(client, {
          setModelParams(params) {
            set = params;
          },
          getModelParams: () => ({ w: Float32Array.of(1) }),
          train: () => ({ sampleCount: 1 }),
          test() {
            const w = numbersOf(set);
            const value = w[0] ?? 0;
            w.fill(99);
            return { results: { value }, sampleCount: 1 };
          },
        });
      };
      const result = await simulate(task(spoils), { ...SIZE, rounds: 2, workers }).result;
      expect(finalValue(result)).toBe(1);
      expect(result.metrics.value).toBe(1);
      expect(result.clientMetrics.value).toBe(1);
    });
  }

  it('share one model object over the network, with the server in the same process', async () => {
    const shared = task(sharing().trainer);
    const server = await createServer(shared, SIZE);
    await joinFederation(server.url, { clients: [{ from: 0, count: 3 }], task: shared, workers: 2 });
    expect(finalValue(await server.result)).toBe(RIGHT);
  });

  it('get globalModel in arrays of its own, also after the parameters were changed in place', async () => {
    const drifts: number[] = [];
    const trainer = (client: TrainerClient) => {
      let w: Numbers = Float32Array.of(1);
      return keeping(client, {
        getModelParams: () => ({ w }),
        setModelParams(params) {
          w = numbersOf(params);
        },
        train({ globalModel }) {
          w[0] = (w[0] ?? 0) + (ADDED[client.index] ?? 0);
          drifts.push((w[0] ?? 0) - (numbersOf(globalModel)[0] ?? 0));
          numbersOf(globalModel).fill(7);
          return { sampleCount: 1 };
        },
      });
    };
    expect(finalValue(await simulate(task(trainer), { ...SIZE, workers: 2 }).result)).toBe(RIGHT);
    expect(drifts.sort()).toEqual([...ADDED].sort());
  });

  it('may go on with the lists of results that they returned', async () => {
    const list: number[] = [];
    const trainer = (client: TrainerClient) =>
      keeping(client, {
        test() {
          list.splice(0, list.length, client.index);
          return { results: { list }, sampleCount: 1 };
        },
      });
    const result = await simulate(task(trainer), SIZE).result;
    expect(result.metrics.list).toEqual([-1]);
    expect(result.clientMetrics.list).toEqual([1]);
  });

  it('work one at a time, unless the task says concurrent', async () => {
    const alone = sharing();
    await simulate(task(alone.trainer), { ...SIZE, workers: 3 }).result;
    expect(alone.atWorkMost()).toBe(1);
    const together = sharing();
    await simulate(task(together.trainer, { concurrent: true }), { ...SIZE, workers: 3 }).result;
    expect(together.atWorkMost()).toBeGreaterThan(2);
  });

  it('concurrent must be true, false or a number', () => {
    expect(() => task(keeping, { concurrent: 'yes' as unknown as boolean })).toThrow(
      /concurrent is "yes"; it must be true, false or how many jobs, at least 1/,
    );
  });
});
