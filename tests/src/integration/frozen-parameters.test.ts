import { createHash } from 'node:crypto';
import {
  accuracy,
  createServer,
  defineTask,
  dense,
  encodeSafetensors,
  type FederatedAlgorithm,
  fedAvg,
  fedPer,
  frozen,
  hashFrom,
  joinFederation,
  type Layer,
  type NamedTensors,
  type PlanTask,
  relu,
  type SimulateOptions,
  scaffold,
  sequential,
  sgd,
  simulate,
  softmaxCrossEntropy,
  type Tensor,
} from 'fedloom';
import { describe, expect, it } from 'vitest';
import { readJournal } from '../../../packages/fedloom/dist/journal/read-journal.js';
import { MemoryDisk, MemoryStorage } from '../../../packages/fedloom/dist/journal/testing/memory-storage.js';
import { listening } from './listening.js';
import { clouds } from './logistic-regression.js';

const CLIENTS = 4;
const size = { clients: CLIENTS, clientsPerRound: 3, rounds: 4, seed: 5 };
const data = clouds(160, 60);

/** Three layers with parameters, of which the first is frozen unless it says otherwise. */
function withFrozen(algorithm: FederatedAlgorithm = fedAvg(), layers: readonly Layer[] = frozenFirst()): PlanTask {
  return defineTask({
    name: 'frozen',
    data,
    model: sequential(layers),
    loss: softmaxCrossEntropy(),
    metrics: [accuracy()],
    training: { localEpochs: 2, batchSize: 10, optimizer: sgd({ learningRate: 0.1 }) },
    algorithm,
  });
}

function frozenFirst(): readonly Layer[] {
  return [frozen(dense(9)), relu(), dense(7), relu(), dense(3)];
}

const FROZEN = ['0.bias', '0.weight'];
const bytesOf = ({ data }: Tensor) => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

function served(task: PlanTask) {
  return createServer(task, { ...size, workers: 1 });
}

function join(url: string, task: PlanTask, from: number, count: number) {
  return joinFederation(url, { clients: [{ from, count }], task, workers: 1 });
}

/** How often the bytes of a tensor are in what one side sent. */
function occurrences(
  frames: readonly { readonly from: string; readonly data: Buffer }[],
  from: string,
  tensor: Tensor,
) {
  const all = Buffer.concat(frames.filter((frame) => frame.from === from).map((frame) => frame.data));
  let count = 0;
  for (let at = all.indexOf(bytesOf(tensor)); at >= 0; at = all.indexOf(bytesOf(tensor), at + 1)) count += 1;
  return count;
}

const sha256 = (bytes: Uint8Array) => hashFrom(`sha256:${createHash('sha256').update(bytes).digest('hex')}`);

describe('frozen parameters', () => {
  it('keep the values that the run begins with, and the others train through them', async () => {
    const once = { ...size, clients: 1, clientsPerRound: 1, rounds: 1 };
    const still = (rate: number, layers: readonly Layer[]) => {
      const { kind: _kind, ...task } = withFrozen(fedAvg(), layers);
      const optimizer = sgd({ learningRate: rate });
      return simulate(defineTask({ ...task, training: { localEpochs: 1, batchSize: 'all', optimizer } }), once).result;
    };
    const start = (await still(0, frozenFirst())).model;
    // The second is between two that train.
    const some = (await still(0.1, [dense(9), relu(), frozen(dense(7)), relu(), dense(3)])).model;
    const all = (await still(0.1, [dense(9), relu(), dense(7), relu(), dense(3)])).model;
    expect([...some.keys()]).toEqual([...all.keys()]);
    for (const [name, tensor] of some) {
      // A single step from the same model: gradients do not depend on what else is trained.
      expect(tensor).toEqual(name.startsWith('2.') ? start.get(name) : all.get(name));
      expect(all.get(name)).not.toEqual(start.get(name));
    }
  });

  it.each([
    ['fedAvg', fedAvg()],
    ['scaffold', scaffold()],
    ['fedPer', fedPer()],
  ] as const)(
    'of %s: the same model with 1 and 2 workers, in child processes, and over WebSocket',
    async (_name, algorithm) => {
      const task = withFrozen(algorithm);
      const one = await simulate(task, { ...size, workers: 1 }).result;
      const server = await served(task);
      const joined = [join(server.url, task, 0, 1), join(server.url, task, 1, 3)];
      const others = [
        await simulate(task, { ...size, workers: 2 }).result,
        await simulate(task, { ...size, workers: 2, pool: 'processes' }).result,
        await server.result,
      ];
      await Promise.all(joined);
      for (const other of others) {
        expect(other.modelHash).toBe(one.modelHash);
        expect([other.metrics, other.clientMetrics]).toEqual([one.metrics, one.clientMetrics]);
      }
      expect([...one.model.keys()]).toEqual(
        [...FROZEN, '2.bias', '2.weight', '4.bias', '4.weight'].filter(
          (name) => algorithm.name !== 'fedPer' || !name.startsWith('4.'),
        ),
      );
      const hash = createHash('sha256').update(encodeSafetensors(one.model)).digest('hex');
      expect(one.modelHash).toBe(`sha256:${hash}`);
    },
  );

  it('are on the wire once a client process, also where its line breaks, and in nothing that clients send', async () => {
    const task = withFrozen(fedPer());
    const server = await served(task);
    const between = await listening(server.url);
    server.run.on('round', ({ round }) => void (round === 1 && between.cut()));
    const joined = join(between.url, task, 0, CLIENTS);
    const { model } = await server.result;
    await joined;
    between.close();
    const { frames } = between;
    const welcomes = frames.filter(({ data }) => data.includes('"type":"welcome"'));
    expect(welcomes.length).toBe(2);
    const weight = model.get('0.weight') as Tensor;
    expect([occurrences(frames, 'server', weight), occurrences(frames, 'client', weight)]).toEqual([1, 0]);
    // Those that train are in every model; the name of a frozen one is in the header of one body alone, beside the plan's.
    const models = frames.filter(({ from, data }) => from === 'server' && data.includes('"type":"model"'));
    expect(models.length).toBeGreaterThan(size.rounds);
    for (const { data } of models) {
      expect([data.includes('"2.weight"'), data.includes('0.weight'), data.includes('4.weight')]).toEqual([
        true,
        false,
        false,
      ]);
    }
    expect(frames.some(({ from, data }) => from === 'client' && data.includes('0.weight'))).toBe(false);
  });

  it('lie in the journal once, and a run that dies at any write goes on with them', async () => {
    const task = withFrozen();
    // A model of which only the first process of the run knows.
    const initialModel: NamedTensors = (await simulate(withFrozen(), { ...size, seed: 77, rounds: 1 }).result).model;
    const options: SimulateOptions = { ...size, workers: 1, rounds: 3 };
    const attempt = (storage: MemoryStorage, more: Partial<SimulateOptions> = {}) =>
      simulate(task, { ...options, ...more, journal: { storage, mode: 'resume-or-begin' } }).result;
    const whole = new MemoryStorage();
    const { modelHash, model } = await attempt(whole, { initialModel });
    for (const name of FROZEN) expect(model.get(name)).toEqual(initialModel.get(name));
    const weight = bytesOf(model.get('0.weight') as Tensor);
    const { blobsInLog } = await readJournal(new MemoryStorage(whole.disk), sha256);
    const blobs = [...whole.disk.blobs.values(), ...[...blobsInLog.values()].map((blob) => blob.read())];
    expect(blobs.filter((blob) => Buffer.from(blob).includes(weight)).length).toBe(1);

    let resumed = 0;
    for (let write = 1; write < whole.writes; write += 1) {
      const disk = new MemoryDisk();
      const died = await attempt(new MemoryStorage(disk, { kind: 'crash', write }), { initialModel }).catch(() => null);
      if (died !== null) continue;
      const { recovered } = await readJournal(new MemoryStorage(disk), sha256);
      const hasVersion = recovered !== undefined && recovered.versions.length > 0;
      const again = await attempt(new MemoryStorage(disk), hasVersion ? {} : { initialModel });
      expect([write, again.modelHash]).toEqual([write, modelHash]);
      resumed += 1;
    }
    expect(resumed).toBeGreaterThan(5);
  });

  it('are never chosen to be private: the last layers that train are', async () => {
    const nothingCommon = withFrozen(fedPer(), [frozen(dense(9)), relu(), dense(3)]);
    await expect(simulate(nothingCommon, size).result).rejects.toMatchObject({ code: 'algorithm.option' });
    const stubborn = { ...fedPer(), client: { privateParameters: () => ['0.weight'] } };
    await expect(simulate(withFrozen(stubborn), size).result).rejects.toMatchObject({
      code: 'algorithm.private',
      message: expect.stringContaining('chose "0.weight", which is no parameter of the model, or a frozen one'),
    });
  });
});
