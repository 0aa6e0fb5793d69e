/** fedloom: federated learning for TypeScript. Everything public, for Node. */
export {
  type AdagradOptions,
  type AdamOptions,
  type AnyMetric,
  type AttentionOptions,
  type AucOptions,
  type AveragePool2dOptions,
  accumulated,
  accuracy,
  adagrad,
  adam,
  adamW,
  adaptiveAveragePool2d,
  attentionHeads,
  auc,
  averagePool2d,
  type BatchNormOptions,
  type BinaryAccuracyOptions,
  type BuiltLayer,
  type BuiltModel,
  type ByParameter,
  batchNorm,
  binaryAccuracy,
  binaryCrossEntropyWithLogits,
  block,
  type CharacterLstmOptions,
  type ClassScores,
  type ClientTerms,
  type ComputeDevice,
  type Conv2dOptions,
  type ConvTranspose2dOptions,
  chain,
  characterLstm,
  classScores,
  clipByGlobalNorm,
  clipByValue,
  concatenated,
  confusionMatrix,
  conv2d,
  convTranspose2d,
  type DataSpec,
  type Dense,
  type DenseOptions,
  type Dim,
  type DType,
  defineGradientTransform,
  defineLayer,
  defineLoss,
  defineMetric,
  defineOptimizer,
  definePrimitive,
  defineShapedMetric,
  dense,
  dropout,
  type EmbeddingBagOptions,
  type ErrorCode,
  type ErrorDetails,
  type ErrorFields,
  type ErrorOf,
  type ErrorParts,
  embedding,
  embeddingBag,
  exponentialDecay,
  FedloomError,
  type FedloomErrorConstructor,
  type FinishContext,
  type FinishResult,
  f1,
  femnistCnn,
  filled,
  flatten,
  frozen,
  type GradientTransform,
  type Graph,
  type GraphBackend,
  type GraphBuilder,
  type GraphConv2dOptions,
  type GraphPool2dOptions,
  type GraphSession,
  gelu,
  globalAveragePool2d,
  globalMaxPool2d,
  groupNorm,
  gru,
  hardSwish,
  huber,
  type InferenceNames,
  instanceNorm,
  isFedloomError,
  isRemoteError,
  type KlDivergenceOptions,
  klDivergence,
  type Layer,
  type LayerContext,
  type LayerNormOptions,
  type LayerParameter,
  type LayerResult,
  type Layers,
  type LeakyReluOptions,
  type LearningRate,
  type LoopResult,
  type LoraOptions,
  type Loss,
  type LossContext,
  layerNorm,
  layerRates,
  leakyRelu,
  linearDecay,
  linearWarmup,
  lora,
  lstm,
  type MaxPool2dOptions,
  type Metric,
  type MetricSpec,
  type MobileNetOptions,
  type Model,
  masked,
  maxPool2d,
  mcmahanCnn,
  meanAbsoluteError,
  meanSquaredError,
  mobileNet,
  modelFromOnnx,
  multiHeadAttention,
  type NamedTensors,
  type NoFields,
  type NormOptions,
  type OnnxAttribute,
  type OnnxAttributes,
  type OnnxBuilder,
  type OnnxModelOptions,
  type OnnxValue,
  type Operand,
  type Operation,
  type OperatorName,
  type Optimizer,
  type OptimizerInput,
  type OptimizerOutput,
  type OptimizerSettings,
  operatorAttributes,
  type ParameterInput,
  type ParameterOutput,
  type PositionsOptions,
  type PrimitiveDefinition,
  type PrimitiveStep,
  type ProblemFactory,
  perParameter,
  perplexity,
  positionalEmbedding,
  positionMean,
  precision,
  type RandomSource,
  type RecurrentOptions,
  type RemoteFields,
  type ResNetOptions,
  type RmsPropOptions,
  r2,
  recall,
  relu,
  reshape,
  residual,
  resNet18,
  resNet56,
  rmsProp,
  type SgdOptions,
  type ShapedMetric,
  type SmallGptOptions,
  type SoftmaxCrossEntropyOptions,
  type StackOverflowLstmOptions,
  type StepSchedule,
  scaledDotProductAttention,
  scheduled,
  sequential,
  sgd,
  sigmoid,
  silu,
  smallGpt,
  softmaxCrossEntropy,
  softplus,
  stackOverflowLstm,
  type Tensor,
  type TensorData,
  type TermContext,
  type TransformInput,
  tanh,
  topKAccuracy,
  twoNN,
  type Upsample2dOptions,
  uniformFanIn,
  upsample2d,
  type Value,
  type ValueType,
  type VggOptions,
  vgg11,
  yogi,
} from '@fedloom/engine';
export type {
  AlgorithmClient,
  BufferedSchedule,
  CountedClient,
  FederatedAlgorithm,
  Hyperparameters,
  NeededFact,
  Scalars,
  ServerState,
  ServerUpdate,
  ServerUpdateInput,
  ServerUpdateResult,
} from './algorithms/algorithm.js';
export type { ByRound } from './algorithms/by-round.js';
export { defineAlgorithm } from './algorithms/define-algorithm.js';
export { type FedAdamOptions, fedAdam } from './algorithms/fed-adam.js';
export { type FedAsyncOptions, fedAsync } from './algorithms/fed-async.js';
export { fedAvg } from './algorithms/fed-avg.js';
export { fedBn } from './algorithms/fed-bn.js';
export { type FedBuffOptions, fedBuff } from './algorithms/fed-buff.js';
export { type FedNovaOptions, fedNova } from './algorithms/fed-nova.js';
export { type FedPerOptions, fedPer } from './algorithms/fed-per.js';
export { type FedProxOptions, fedProx } from './algorithms/fed-prox.js';
export { type QFedAvgOptions, qFedAvg } from './algorithms/q-fed-avg.js';
export { type AlgorithmOptions, algorithmNamed, algorithmNames, withFold } from './algorithms/registry.js';
export { krum, median, multiKrum, trimmedMean } from './algorithms/robust.js';
export { type ScaffoldOptions, scaffold } from './algorithms/scaffold.js';
export type { ClientEvent } from './client/client-host.js';
export { joinFederation } from './client/node/join-federation.js';
export type { JoinOptions } from './client/node/join-options.js';
export type { Outbound, OutboundPart } from './client/outbound.js';
export type { JoinEvent } from './client/serve-until-finished.js';
export type { SitePolicy, Withheld } from './client/site-policy.js';
export type { CancelSignal, JobSignal } from './compute/cancel-signal.js';
export type { FrozenParameters } from './compute/executor.js';
export type {
  EvaluateReply,
  JobPool,
  OnModel,
  PoolEvaluateJob,
  PoolPlan,
  PoolTrainJob,
  TrainReply,
} from './compute/job-pool.js';
export type { PoolChoice, PoolKind, PoolSettings } from './compute/node/pool-choice.js';
export { processPool } from './compute/node/process-pool.js';
export { RemoteHost } from './compute/node/remote/remote-host.js';
export { type RemotePoolOptions, remotePool } from './compute/node/remote/remote-pool.js';
export { hostWorkers, type WorkerHostOptions } from './compute/node/remote/worker-host.js';
export { type PoolParts, threadPool } from './compute/node/thread-pool.js';
export {
  type ClientIndex,
  clientIndex,
  type Hash,
  hashFrom,
  type VersionNumber,
  versionNumber,
} from './core/brands.js';
export { freeBytes, uninitializedBytes } from './core/byte-memory.js';
export type { CallOptions } from './core/call-text.js';
export type { Emitter } from './core/emitter.js';
export type { Statistic } from './core/evaluation.js';
export type { IndexRange } from './core/index-ranges.js';
export type { NestedNumbers } from './core/nested-numbers.js';
export { RandomStream } from './core/random.js';
export type {
  BestModel,
  BestRound,
  ClientRecord,
  EvaluationCounts,
  NamedResults,
  NamedRunResult,
  ReportedResult,
  ReportedResults,
  Results,
  RoundRecord,
  RunResult,
  Suspect,
} from './core/records.js';
export { decodeSafetensors, encodeSafetensors, type SafetensorsLimits } from './core/safetensors.js';
export { VERSION } from './core/version.js';
export { type ArrayInput, type ArraySplit, type ArraysOptions, arrays, type NumberArray } from './data/arrays.js';
export { byColumn } from './data/by-column.js';
export type { ClientExamples, Dataset, Examples, SampleColumn } from './data/dataset.js';
export type { ColumnDescription, DataDescription, NumbersDescription, TextsDescription } from './data/description.js';
export { type DirichletOptions, dirichlet } from './data/dirichlet.js';
export type { HeldOut } from './data/held-out.js';
export { iid } from './data/iid.js';
export { type CsvDataset, csv } from './data/node/csv/csv.js';
export type { ColumnStatistics, CsvOptions, MissingRule } from './data/node/csv/csv-options.js';
export { type ParquetOptions, parquet } from './data/node/csv/parquet.js';
export type { FileDataset } from './data/node/file-dataset.js';
export type { FilePlace } from './data/node/files.js';
export { type ImageDataset, images } from './data/node/images.js';
export type { ImagesOptions } from './data/node/images-options.js';
export { type MnistOptions, mnist } from './data/node/mnist.js';
export { type NpzNames, type NpzOptions, npz } from './data/node/npz-dataset.js';
export type {
  LabelledTextsOptions,
  RunningTextOptions,
  TextsOptions,
  TokenOptions,
} from './data/node/texts/text-options.js';
export { type TextDataset, texts } from './data/node/texts/texts.js';
export { type Dealt, definePartition, type Partition, type Partitioner } from './data/partition.js';
export { type PathologicalOptions, pathological } from './data/pathological.js';
export { type QuantitySkewOptions, quantitySkew } from './data/quantity-skew.js';
export { type ShardsOptions, shards } from './data/shards.js';
export type { TokenKind } from './data/tokens.js';
export type { FederationErrors } from './error-codes.js';
export type { LoadModelOptions } from './inference/node/load-model.js';
export { loadModel } from './inference/node/on-demand.js';
export type { Predictions, Predictor } from './inference/predictor.js';
export type { SamplesInput } from './inference/samples.js';
export { folderSource } from './journal/node/folder-source.js';
export { folderStorage } from './journal/node/folder-storage.js';
export type { DiskWaits } from './journal/run-journal.js';
export type { BlobKind, BlobName, JournalSource, JournalStorage } from './journal/storage.js';
export {
  type BodyRule,
  defineMessage,
  type MessageDefinition,
  type MessageSchema,
  type MessageSender,
} from './protocol/define-message.js';
export type { DeviceHandlers, DevicePort } from './protocol/device-port.js';
export type { AuthContext, ClientAuth, Identity, ServerAuth } from './protocol/handshake.js';
export type { Finish } from './protocol/messages.js';
export { proveKey } from './protocol/node/key-proof.js';
export { proveToken } from './protocol/node/token-proof.js';
export {
  type HandledMessage,
  handleMessage,
  type MessageOptions,
  type MessagePeer,
  type OwnMessageHandler,
} from './protocol/own-messages.js';
export type {
  Connection,
  ConnectionHandlers,
  Dial,
  Listen,
  Listener,
} from './protocol/transport.js';
export type { PythonTrainerOptions } from './python/options.js';
export { pythonTrainer } from './python/python-trainer.js';
export type { ArgumentValue } from './python/requests.js';
export { type AdminOptions, type AdminServer, type OperatorAct, serveAdmin } from './server/admin/admin-server.js';
export { acceptKeys } from './server/auth/accept-keys.js';
export { type AcceptOptions, acceptTokens } from './server/auth/accept-tokens.js';
export { ownersFile } from './server/auth/owners-file.js';
export { createLobby, type FederationLobby, type LobbyOptions } from './server/create-lobby.js';
export { createServer, type FederationServer, type ServerOptions } from './server/create-server.js';
export type { ListenOptions } from './server/listening.js';
export type { Entry } from './server/lobby/lobby.js';
export type { ServedRun, ServedRunOptions } from './server/open-run.js';
export type { Ban } from './server/run/bans.js';
export type { FederationEvents, UpdateHash } from './server/run/federation-options.js';
export type { OwnedRange, OwnerBook } from './server/run/index-owners.js';
export type { JournalOptions } from './server/run/journal-options.js';
export { type NamedRun, Run } from './server/run/run.js';
export type { RunControl, RunPhase, RunStatus, SessionStatus } from './server/run/run-control.js';
export type { RunOptions } from './server/run/run-options.js';
export { fedmlSampling, type Sampler } from './server/schedule/sampling.js';
export { type ReplayOptions, replay } from './simulation/replay.js';
export { type SimulateOptions, simulate } from './simulation/simulate.js';
export { defineTask } from './task/define-task.js';
export { meanResultAggregator } from './task/mean-results.js';
export { onnxModel } from './task/node/onnx-model.js';
export { overrideTask, settablePaths } from './task/override-task.js';
export type { ParamsLike, TensorLike } from './task/params-like.js';
export type { ClientResults, CountedResults, ResultAggregator, UnsoundResult } from './task/result-aggregator.js';
export type {
  NumberNames,
  PlanTask,
  PlanTaskDefinition,
  Task,
  TaskBounds,
  TaskDefinition,
  TrainerTask,
  TrainerTaskDefinition,
  TrainingDefinition,
} from './task/task.js';
export { type SummaryPart, type TaskSummary, taskSummary } from './task/task-summary.js';
export type {
  TestContext,
  TrainContext,
  Trainer,
  TrainerClient,
  TrainerFactory,
  TrainerSetting,
  TrainResult,
} from './task/trainer.js';
export type { ConnectReason } from './transport/error-codes.js';
export { type Launched, type LauncherEnvironment, launchedAs } from './transport/mpi/launched-as.js';
export type { MpiLibrary, MpiPlug, MpiWorld } from './transport/mpi/mpi-world.js';
export type {
  BrokerListenOptions,
  MqttBrokerOptions,
  MqttDeviceOptions,
  MqttListenOptions,
  MqttPackage,
} from './transport/mqtt/mqtt-package.js';
export { type Openness, tlsFiles, webSocketDial, webSocketListen } from './transport/websocket/on-demand.js';
export type {
  AdmissionOptions,
  AttachableServer,
  ClientTls,
  ConnectionLimits,
  SocketOptions,
  WebSocketDialOptions,
  WebSocketListenOptions,
} from './transport/websocket/options.js';
export type { TlsFilePaths, TlsFilesOptions } from './transport/websocket/tls-files.js';
export type { ServerTls, TlsChange, TlsSource } from './transport/websocket/tls-source.js';
export type {
  Aggregate,
  Contribution,
  Fold,
  FoldBase,
  IndividualFold,
  PartialSum,
  RunningSum,
  SumFold,
} from './update/fold-contract.js';
export { defineFold } from './update/folds/define-fold.js';
export type { KrumOptions, MultiKrumOptions } from './update/folds/krum.js';
export { foldNamed, foldNames } from './update/folds/registry.js';
export type { TrimmedMeanOptions } from './update/folds/trimmed-mean.js';
export type {
  ClientStageContext,
  ClientStageResult,
  PayloadSpec,
  ServerStageContext,
  Stage,
  StageContext,
  StageOptions,
} from './update/stage-contract.js';
export { type ClipOptions, clip } from './update/stages/clip.js';
export { defineStage } from './update/stages/define-stage.js';
export { type TopKOptions, topK } from './update/stages/top-k.js';
export type { Facts, Update, UpdateSpec, Version } from './update/update.js';
