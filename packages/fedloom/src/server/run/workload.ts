import type { NamedTensors } from '@fedloom/engine';
import type { FrozenParameters, ModelSnapshot } from '../../compute/executor.js';
import type { Evaluation } from '../../core/evaluation.js';
import type { Welcome } from '../../protocol/messages.js';
import type { Report } from '../../task/reported-metrics.js';
import type { UpdateSpec } from '../../update/update.js';

/** What the clients work on, as the server needs it: made once from a task, the same for every transport. */
export interface ServerWorkload {
  readonly descriptor: Welcome['workload'];
  /** The portable plan, for clients without a task file; absent for trainer objects. */
  readonly planBytes?: Uint8Array;
  /** Makes what its models compute, as `compileInference` does; absent for trainer objects. */
  readonly inference?: () => Uint8Array;
  /** The shared parameters before the first round, once: whoever takes them holds them. */
  readonly takeInitialModel: () => NamedTensors;
  /** Numbers in them. */
  readonly parameterCount: number;
  /** Names of those of them that never change. Default none. */
  readonly frozen?: ReadonlySet<string>;
  /** Names of the parameters that take gradients. */
  readonly trained: ReadonlySet<string>;
  /** What an update must hold: the shared parameters that change, and the algorithm's uploads. */
  readonly specs: readonly UpdateSpec[];
  /** Metrics of a plan, the only ones that its clients tell: how many numbers each is, where it is a list; absent for trainer objects. */
  readonly metrics?: ReadonlyMap<string, number | undefined>;
  readonly scalars: Readonly<Record<string, number>>;
  /** Clients keep something of their own that their tests need. Default false. */
  readonly keepsParameters?: boolean;
  /** Those of the task that change from round to round, such as the learning rate. */
  readonly scalarsOf?: (round: number) => Readonly<Record<string, number>>;
  /** Code of the user's own evaluates: what goes wrong in it costs the round its results, not the run. Default false. */
  readonly evaluationMayFail?: boolean;
  /** How many held-out samples the server has; undefined: that is not known before it tests. */
  readonly heldOutCount?: () => Promise<number>;
  /** What is told of means: of metrics that are made of several sums, what these make. Default: as they are. */
  readonly reported?: Report;
  /** Evaluates a model on the server's held-out data; undefined when it turns out to have none. */
  readonly evaluate: (model: ServerModel, round: number, signal: AbortSignal) => Promise<Evaluation | undefined>;
}

/** A model with what its bytes lack. */
export interface ServerModel extends ModelSnapshot {
  readonly frozen?: FrozenParameters;
}
