import type { GraphBackend, GraphSession } from '../backend.js';
import { FedloomError } from '../errors.js';
import { elementCount, type NamedTensors, type Tensor, zeros } from '../tensor.js';
import { CallSizer } from './call-sizer.js';
import {
  consecutiveOrder,
  dataOrParameter,
  fixedShape,
  type Resolver,
  resolveAll,
  rowsOf,
  scalarTensor,
  trainResolver,
} from './feeds.js';
import { compareNames } from './initialize.js';
import { checkOrder, checkResults, checkSamples, collectParameters } from './job-checks.js';
import type { EvaluateJob, EvaluateResult, Job, TrainJob, TrainResult } from './jobs.js';
import type { PlanManifest, TrainingPlan } from './manifest.js';
import type { GraphKind } from './ports.js';

export interface PlanRunnerOptions {
  /** Milliseconds from any start, to bound calls; results do not depend on it. Default `performance.now`. */
  readonly now?: () => number;
}

/**
 * Runs a plan's graphs, in calls of about 200 ms that the event loop runs between. A graph is loaded when it is first
 * needed. One job at a time: an overlapping one is refused with `plan.busy`.
 */
export class PlanRunner {
  readonly #sessions = new Map<GraphKind, Promise<GraphSession>>();
  readonly #sizers = new Map<string, CallSizer>();
  readonly #optimizerZeros: NamedTensors;
  #busy = false;
  #released = false;

  private constructor(
    private readonly backend: GraphBackend,
    private readonly plan: TrainingPlan,
    private readonly now: () => number,
  ) {
    this.#optimizerZeros = new Map(
      plan.manifest.graphs.train.inputs
        .filter(({ source }) => source === 'optimizer')
        .map((port) => [port.port, zeros(port.dtype, fixedShape(port))]),
    );
  }

  static async create(backend: GraphBackend, plan: TrainingPlan, options: PlanRunnerOptions = {}): Promise<PlanRunner> {
    return new PlanRunner(backend, plan, options.now ?? (() => performance.now()));
  }

  /** @throws FedloomError `plan.input` for tensors that do not fit the plan, `plan.cancelled`, `backend.run`. */
  async train(job: TrainJob): Promise<TrainResult> {
    return this.#exclusively(async () => {
      const { manifest } = this.plan;
      const sampleCount = checkSamples(manifest.data, job.x, job.y);
      const { steps } = checkOrder(job.order, sampleCount);
      const model = collectParameters(manifest, job.parameters, job.privateParameters);
      const resolve = trainResolver(manifest, job, model);
      const feeds = resolveAll(manifest.graphs.train, (port) => this.#optimizerZeros.get(port.port) ?? resolve(port));
      const losses: number[] = [];
      await this.#runSteps('train', job, job.order, feeds, (results) => {
        for (const { port } of manifest.graphs.train.inputs) {
          const next = results.get(`new/${port}`);
          if (next !== undefined) feeds.set(port, next);
        }
        append(losses, results, 'new/stepLoss');
        job.onProgress?.(losses.length, steps);
      });
      const trained = new Map(
        manifest.parameters.map(({ name }) => [name, feeds.get(`parameter/${name}`) ?? model.get(name)!]),
      );
      return {
        ...splitScopes(manifest, trained),
        ...(await this.#finish(trained, steps, resolve)),
        meanLoss: losses.reduce((total, loss) => total + loss, 0) / steps,
        stepCount: steps,
      };
    });
  }

  /** @throws FedloomError `plan.input` for tensors that do not fit the plan, `plan.cancelled`, `backend.run`. */
  async evaluate(job: EvaluateJob): Promise<EvaluateResult> {
    return this.#exclusively(async () => {
      const { manifest } = this.plan;
      const sampleCount = checkSamples(manifest.data, job.x, job.y);
      const model = collectParameters(manifest, job.parameters, job.privateParameters);
      const order = consecutiveOrder(sampleCount, manifest.evaluation.batchSize);
      const feeds = resolveAll(manifest.graphs.evaluate, (port) => dataOrParameter(port, job, model));
      const sums = Object.fromEntries(manifest.metrics.map(({ name }) => [name, 0]));
      await this.#runSteps('evaluate', job, order, feeds, (results) => {
        for (const name of Object.keys(sums)) {
          for (const sum of results.get(`new/metricSum/${name}`)!.data) sums[name] = sums[name]! + Number(sum);
        }
      });
      return { sums, sampleCount };
    });
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
    job: Job,
    order: Tensor,
    feeds: Map<string, Tensor>,
    onResults: (results: NamedTensors) => void,
  ): Promise<void> {
    const [steps, batch] = order.shape as readonly [number, number];
    const sizer = this.#sizer(kind, batch);
    const { graphs } = this.plan.manifest;
    for (let start = 0; start < steps; ) {
      if (start > 0) await yieldToEventLoop();
      if (job.isCancelled?.() === true) throw cancelled(kind, start, steps);
      const session = await this.#session(kind);
      const end = Math.min(steps, start + sizer.stepsPerCall);
      feeds.set('order', rowsOf(order, start, end));
      const startedAt = this.now();
      const results = checkResults(graphs[kind], await session.run(feeds), { steps: end - start });
      sizer.record(end - start, this.now() - startedAt);
      onResults(results);
      start = end;
    }
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

  #session(kind: GraphKind): Promise<GraphSession> {
    const known = this.#sessions.get(kind);
    if (known !== undefined) return known;
    const session = this.backend.load(this.plan[kind]!);
    this.#sessions.set(kind, session);
    return session;
  }

  /** Batches of another width take another time. */
  #sizer(kind: GraphKind, batch: number): CallSizer {
    const key = `${kind}/${batch}`;
    const { data, sampleFlops } = this.plan.manifest;
    // Float32 targets, predictions and what the loss makes of them.
    const sampleBytes = 16 * (data.y.classes ?? elementCount(data.y.shape));
    const sizer = this.#sizers.get(key) ?? new CallSizer(sampleFlops * batch, sampleBytes * batch);
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

/** Adds at the end; results of one call are one number a step. */
function append(losses: number[], results: NamedTensors, name: string): void {
  for (const loss of results.get(name)!.data) losses.push(Number(loss));
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
