/** fedloom: federated learning for TypeScript. Everything public, for Node. */
export {
  accuracy,
  conv2d,
  type DataSpec,
  type DType,
  defineLayer,
  defineLoss,
  defineMetric,
  dense,
  FedloomError,
  flatten,
  type Layer,
  type Loss,
  type Metric,
  type Model,
  maxPool2d,
  meanSquaredError,
  type NamedTensors,
  type Optimizer,
  relu,
  sequential,
  sgd,
  softmaxCrossEntropy,
  type Tensor,
} from '@fedloom/engine';
export type { FederatedAlgorithm, ServerState, ServerUpdate } from './algorithms/algorithm.js';
export { defineAlgorithm } from './algorithms/define-algorithm.js';
export { fedAdam } from './algorithms/fed-adam.js';
export { fedAvg } from './algorithms/fed-avg.js';
export { fedProx } from './algorithms/fed-prox.js';
export { scaffold } from './algorithms/scaffold.js';
export { type JoinEvent, type JoinOptions, joinFederation } from './client/node/join-federation.js';
export { RandomStream } from './core/random.js';
export type { ClientRecord, Results, RoundRecord, RunResult } from './core/records.js';
export { decodeSafetensors, encodeSafetensors } from './core/safetensors.js';
export { VERSION } from './core/version.js';
export { arrays } from './data/arrays.js';
export type { Dataset, Examples } from './data/dataset.js';
export { iid } from './data/iid.js';
export { mnist } from './data/node/mnist.js';
export { definePartition, type Partition, type Partitioner } from './data/partition.js';
export { shards } from './data/shards.js';
export { defineMessage } from './protocol/define-message.js';
export { createServer, type FederationServer, type ServerOptions } from './server/create-server.js';
export type { FederationEvents } from './server/federation.js';
export { Run } from './server/run.js';
export type { RunOptions } from './server/run-options.js';
export { fedmlSampling, type Sampler } from './server/sampling.js';
export { type SimulateOptions, simulate } from './simulation/simulate.js';
export { defineTask } from './task/define-task.js';
export { meanResultAggregator } from './task/mean-results.js';
export type { ClientResults, ResultAggregator } from './task/result-aggregator.js';
export type { PlanTask, Task, TaskDefinition, TrainerTask } from './task/task.js';
export type { TestContext, TrainContext, Trainer, TrainerClient, TrainResult } from './task/trainer.js';
