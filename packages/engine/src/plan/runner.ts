import type { GraphBackend, GraphSession } from '../backend.js';
import { FedloomError } from '../errors.js';
import type { RandomSource } from '../layers/types.js';
import { type NamedTensors, type Tensor, zeros } from '../tensor.js';
import { CallSizer } from './call-sizer.js';
import { draw } from './draw.js';
import {
  consecutiveOrders,
  dataOrParameter,
  fixedShape,
  type Resolver,
  resolveAll,
  rowsOf,
  scalarTensor,
  stackOrders,
  trainResolver,
} from './feeds.js';
import { compareNames } from './initialize.js';
import { checkOrder, checkParts, checkResults, checkSamples, collectParameters, inputError } from './job-checks.js';
import type { EvaluateJob, EvaluateResult, TrainEachJob, TrainJob, TrainResult } from './jobs.js';
import { laidOutBytes } from './laid-out.js';
import type { GraphSpec, PlanManifest, TrainingPlan } from './manifest.js';
import type { GraphKind } from './ports.js';
import { addColumns, rowSums } from './row-sums.js';
import { ordersPort, stackedPort, stackedTrainGraph } from './stacked-graph.js';

export interface PlanRunnerOptions {
  /** Milliseconds from any start, to bound calls; results do not depend on it. Default `performance.now`. */
  readonly now?: () => number;
}

/** A plan's own graphs, and the train graph over several clients. */
type LoadableGraph = GraphKind | 'trainEach';

/**
 * Runs a plan's graphs, in calls of about 200 ms that the event loop runs between. A graph is loaded when it is first
 * needed. One job at a time: an overlapping one is refused with `plan.busy`.
 */
export class PlanRunner {
  readonly #sessions = new Map<LoadableGraph, Promise<GraphSession>>();
  /** The train graph over several clients: what comes of each but the optimiser's state, which nobody asks for. */
  readonly #stackedSpec: GraphSpec;
  readonly #sizers = new Map<string, CallSizer>();
  readonly #optimizerZeros: NamedTensors;
  #busy = false;
  #released = false;

  private constructor(
    private readonly backend: GraphBackend,
    private readonly plan: TrainingPlan,
    private readonly now: () => number,
  ) {
    const { inputs, outputs } = plan.manifest.graphs.train;
    this.#stackedSpec = {
      inputs,
      outputs: outputs
        .filter(({ source }) => source !== 'optimizer')
        .map((port) => ({ ...port, port: stackedPort(port.port), shape: ['clients', ...port.shape] })),
    };
    this.#optimizerZeros = new Map(
      inputs
        .filter(({ source }) => source === 'optimizer')
        .map((port) => [port.port, zeros(port.dtype, fixedShape(port))]),
    );
  }

  static async create(backend: GraphBackend, plan: TrainingPlan, options: PlanRunnerOptions = {}): Promise<PlanRunner> {
    return new PlanRunner(backend, plan, options.now ?? (() => performance.now()));
  }

  /** @throws FedloomError `plan.input` for tensors that do not fit the plan, `plan.cancelled`, `backend.run`. */
  async train(job: TrainJob): Promise<TrainResult> {
    return this.#exclusively(() => this.#train(job));
  }

  async #train(job: TrainJob): Promise<TrainResult> {
    const { manifest } = this.plan;
    const sampleCount = checkSamples(manifest.data, job.x, job.y);
    const { steps } = checkOrder(job.order, sampleCount);
    const { model, feeds, resolve } = this.#trainFeeds(job);
    const losses: number[] = [];
    await this.#runSteps('train', job, job.order, feeds, (results, _, order) => {
      for (const { port } of manifest.graphs.train.inputs) {
        const next = results.get(`new/${port}`);
        if (next !== undefined) feeds.set(port, next);
      }
      for (const loss of stepLosses(results.get('new/sampleLoss')!, order)) losses.push(loss);
      job.onProgress?.(losses.length, steps);
    });
    const trained = new Map(
      manifest.parameters.map(({ name }) => [name, feeds.get(`parameter/${name}`) ?? model.get(name)!]),
    );
    return {
      ...splitScopes(manifest, trained),
      ...(await this.#finish(trained, steps, resolve)),
      meanLoss: mean(losses),
      stepCount: steps,
    };
  }

  /** Whether clients of this plan can train together: nothing but the model and its losses comes back from them. */
  get trainsTogether(): boolean {
    const { parameters, algorithm, graphs, random } = this.plan.manifest;
    // Each draws from a stream of its own.
    if (graphs.finish !== undefined || algorithm.state.length > 0 || random !== undefined) return false;
    return parameters.every(({ scope }) => scope === 'shared');
  }

  /**
   * Trains several clients in one call, or in few. Each result is to the bit what `train` gives for that client alone.
   * @throws FedloomError as `train`; `plan.input` also for a plan that is not for this, see `trainsTogether`
   */
  async trainEach(job: TrainEachJob): Promise<TrainResult[]> {
    return this.#exclusively(async () => {
      const { manifest } = this.plan;
      if (!this.trainsTogether)
        throw inputError('clients that keep a state cannot train together: train them one by one');
      checkParts(job.sampleCounts, checkSamples(manifest.data, job.x, job.y));
      const orders = stackOrders(job.orders, job.sampleCounts);
      const [clients, steps, batch] = orders.shape as readonly [number, number, number];
      const sizer = this.#sizer('train', batch);
      const { model, feeds } = this.#trainFeeds(job);
      const results: TrainResult[] = [];
      for (let first = 0; first < clients; ) {
        if (first > 0) await yieldToEventLoop();
        if (job.isCancelled?.() === true) throw cancelled('train', first * steps, clients * steps);
        if (steps > sizer.stepsPerCall) {
          const order = { ...rowsOf(orders, first, first + 1), shape: [steps, batch] };
          results.push(await this.#train({ ...job, order }));
          first += 1;
          continue;
        }
        const session = await this.#session('trainEach');
        const end = Math.min(clients, first + Math.floor(sizer.stepsPerCall / steps));
        feeds.set(ordersPort, rowsOf(orders, first, end));
        const startedAt = this.now();
        const extents = { clients: end - first, steps, batch };
        const outputs = checkResults(this.#stackedSpec, await session.run(feeds), extents);
        sizer.record((end - first) * steps, this.now() - startedAt);
        for (let at = 0; first < end; at++, first++) {
          results.push(clientResult(manifest, model, outputs, at, job.orders[first]!));
        }
      }
      return results;
    });
  }

  #trainFeeds(job: Omit<TrainJob, 'order'>) {
    const { manifest } = this.plan;
    const model = collectParameters(manifest, job.parameters, job.privateParameters);
    const resolve = trainResolver(manifest, job, model);
    const feeds = resolveAll(manifest.graphs.train, (port) => this.#optimizerZeros.get(port.port) ?? resolve(port));
    return { model, resolve, feeds };
  }

  /** @throws FedloomError `plan.input` for tensors that do not fit the plan, `plan.cancelled`, `backend.run`. */
  async evaluate(job: EvaluateJob): Promise<EvaluateResult> {
    const [result] = await this.evaluateEach(job, [job.x.shape[0] ?? 0]);
    return result!;
  }

  /**
   * Evaluates several clients together: for small ones, a call costs more than its arithmetic. Each result is to the bit
   * what `evaluate` gives for that client alone.
   *
   * @param job the clients' samples, one client's behind the other's
   * @param sampleCounts how many each client has; they add up to the samples of `job`
   * @throws FedloomError as `evaluate`
   */
  async evaluateEach(job: EvaluateJob, sampleCounts: readonly number[]): Promise<EvaluateResult[]> {
    return this.#exclusively(async () => {
      const { manifest } = this.plan;
      checkParts(sampleCounts, checkSamples(manifest.data, job.x, job.y));
      const model = collectParameters(manifest, job.parameters, job.privateParameters);
      const feeds = resolveAll(manifest.graphs.evaluate, (port) => dataOrParameter(port, job, model));
      const names = manifest.metrics.filter(({ size }) => size === undefined).map(({ name }) => name);
      const wide = manifest.metrics.flatMap(({ name, size }) => (size === undefined ? [] : [{ name, size }]));
      const results = sampleCounts.map((sampleCount) => ({
        sums: Object.fromEntries(names.map((name) => [name, 0])),
        sampleCount,
        ...(wide.length > 0 && {
          lists: Object.fromEntries(wide.map(({ name, size }) => [name, new Array<number>(size).fill(0)])),
        }),
      }));
      for (const { order, clientOfStep } of consecutiveOrders(sampleCounts, manifest.evaluation.batchSize)) {
        await this.#runSteps('evaluate', job, order, feeds, (outputs, start, rows) => {
          for (const name of names) {
            for (const [step, { sum }] of rowSums(outputs.get(`new/sampleMetric/${name}`)!, rows).entries()) {
              const { sums } = results[clientOfStep[start + step]!]!;
              sums[name] = sums[name]! + sum;
            }
          }
          for (const { name } of wide) {
            const values = outputs.get(`new/sampleMetric/${name}`)!;
            addColumns(values, rows, (step) => results[clientOfStep[start + step]!]!.lists![name]!);
          }
        });
      }
      return results;
    });
  }

  /** Loads graphs ahead of the first job that needs them. @throws FedloomError `backend.load` */
  async load(kinds: readonly LoadableGraph[]): Promise<void> {
    await Promise.all(kinds.map((kind) => this.#session(kind)));
  }

  /** Frees the runtime's memory. The runner cannot be used afterwards. */
  async release(): Promise<void> {
    this.#released = true;
    const sessions = [...this.#sessions.values()];
    this.#sessions.clear();
    for (const session of await Promise.allSettled(sessions)) {
      if (session.status === 'fulfilled') await session.value.release();
    }
  }

  async #runSteps(
    kind: 'train' | 'evaluate',
    job: Pick<TrainJob, 'isCancelled' | 'random'>,
    order: Tensor,
    feeds: Map<string, Tensor>,
    onResults: (results: NamedTensors, start: number, order: Tensor) => void,
  ): Promise<void> {
    const [steps, batch] = order.shape as readonly [number, number];
    const sizer = this.#sizer(kind, batch);
    const { graphs } = this.plan.manifest;
    for (let start = 0; start < steps; ) {
      if (start > 0) await yieldToEventLoop();
      if (job.isCancelled?.() === true) throw cancelled(kind, start, steps);
      const session = await this.#session(kind);
      const end = Math.min(steps, start + sizer.stepsPerCall);
      const rows = rowsOf(order, start, end);
      feeds.set('order', rows);
      if (feeds.has('stepCount')) feeds.set('stepCount', scalarTensor(start));
      if (kind === 'train') this.#draw(feeds, end - start, batch, job.random);
      const startedAt = this.now();
      const results = checkResults(graphs[kind], await session.run(feeds), { steps: end - start, batch });
      sizer.record(end - start, this.now() - startedAt);
      onResults(results, start, rows);
      start = end;
    }
  }

  /** Adds what the layers draw in these steps. */
  #draw(feeds: Map<string, Tensor>, steps: number, batch: number, random: RandomSource | undefined): void {
    const specs = this.plan.manifest.random;
    if (specs === undefined) return;
    if (random === undefined) throw inputError('its layers draw random numbers, and the job has no stream of them');
    for (const [port, values] of draw(specs, steps, batch, random)) feeds.set(port, values);
  }

  async #finish(
    trained: NamedTensors,
    steps: number,
    resolve: Resolver,
  ): Promise<Pick<TrainResult, 'upload' | 'state'>> {
    const { finish } = this.plan.manifest.graphs;
    if (finish === undefined) return { upload: new Map(), state: new Map() };
    const feeds = resolveAll(finish, (port) => {
      if (port.source === 'parameter') return trained.get(port.name)!;
      return port.source === 'stepCount' ? scalarTensor(steps) : resolve(port);
    });
    const session = await this.#session('finish');
    const results = checkResults(finish, await session.run(feeds), {});
    const pick = (source: 'upload' | 'state') =>
      sortedMap(
        finish.outputs
          .filter((port) => port.source === source)
          .map((port) => [`${port.slot}/${port.name}`, results.get(port.port)!]),
      );
    return { upload: pick('upload'), state: pick('state') };
  }

  #session(kind: LoadableGraph): Promise<GraphSession> {
    const known = this.#sessions.get(kind);
    if (known !== undefined) return known;
    const session = this.backend.load(kind === 'trainEach' ? this.#stackedGraph() : this.plan[kind]!);
    this.#sessions.set(kind, session);
    return session;
  }

  #stackedGraph(): Uint8Array {
    const { outputs } = this.plan.manifest.graphs.train;
    const wanted = outputs.filter(({ source }) => source !== 'optimizer').map(({ port }) => port);
    return stackedTrainGraph(this.plan.train, wanted);
  }

  /** Batches of another width take another time. */
  #sizer(kind: GraphKind, batch: number): CallSizer {
    const key = `${kind}/${batch}`;
    const { manifest } = this.plan;
    const sizer =
      this.#sizers.get(key) ?? new CallSizer(manifest.sampleFlops * batch, laidOutBytes(manifest, kind) * batch);
    this.#sizers.set(key, sizer);
    return sizer;
  }

  async #exclusively<T>(work: () => Promise<T>): Promise<T> {
    if (this.#released) throw new FedloomError('plan.released', 'This PlanRunner was released: create another one.');
    if (this.#busy) {
      throw new FedloomError(
        'plan.busy',
        'This PlanRunner has a job in progress: await it first, or create another one.',
      );
    }
    this.#busy = true;
    try {
      return await work();
    } finally {
      this.#busy = false;
    }
  }
}

function splitScopes(
  { parameters }: PlanManifest,
  trained: NamedTensors,
): Pick<TrainResult, 'parameters' | 'privateParameters'> {
  const pick = (scope: 'shared' | 'private') =>
    new Map(parameters.filter((spec) => spec.scope === scope).map(({ name }) => [name, trained.get(name)!]));
  return { parameters: pick('shared'), privateParameters: pick('private') };
}

function sortedMap(entries: readonly (readonly [string, Tensor])[]): Map<string, Tensor> {
  return new Map([...entries].sort(([a], [b]) => compareNames(a, b)));
}

/** What came of one of the clients that trained together, by `order`. Its tensors are views of the stack. */
function clientResult(
  manifest: PlanManifest,
  model: NamedTensors,
  outputs: NamedTensors,
  client: number,
  order: Tensor,
): TrainResult {
  const own = (port: string): Tensor | undefined => {
    const stack = outputs.get(stackedPort(port));
    if (stack === undefined) return undefined;
    const [clients, ...shape] = stack.shape as readonly [number, ...number[]];
    const length = stack.data.length / clients;
    return { dtype: stack.dtype, shape, data: stack.data.subarray(client * length, (client + 1) * length) };
  };
  const losses = stepLosses(own('new/sampleLoss')!, order);
  return {
    parameters: new Map(
      manifest.parameters.map(({ name }) => [name, own(`new/parameter/${name}`) ?? model.get(name)!]),
    ),
    privateParameters: new Map(),
    upload: new Map(),
    state: new Map(),
    meanLoss: mean(losses),
    stepCount: losses.length,
  };
}

/** The mean loss of each step's batch. */
function stepLosses(sampleLosses: Tensor, order: Tensor): number[] {
  return rowSums(sampleLosses, order).map(({ sum, count }) => sum / Math.max(1, count));
}

function mean(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0) / values.length;
}

function cancelled(kind: string, done: number, total: number): FedloomError {
  return new FedloomError('plan.cancelled', `The ${kind} job was cancelled after ${done} of ${total} steps.`, {
    stepsDone: done,
    stepsTotal: total,
  });
}

/** A timer, not a microtask: sockets and messages get their turn. */
function yieldToEventLoop(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}
