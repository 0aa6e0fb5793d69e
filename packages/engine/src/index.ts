export type { GraphBackend, GraphSession } from './backend.js';
export * from './base.js';
export {
  definePrimitive,
  type OnnxBuilder,
  type Operation,
  type PrimitiveDefinition,
  type PrimitiveStep,
} from './graph/define-primitive.js';
export { gradients } from './graph/gradients.js';
export { Graph, type LoopResult } from './graph/graph.js';
export type {
  Conv2dOptions as GraphConv2dOptions,
  Pool2dOptions as GraphPool2dOptions,
} from './graph/image-options.js';
export type { GraphBuilder, Operand, Value } from './graph/value.js';
export type { Dim, ProblemFactory, ValueType } from './graph/value-type.js';
export { accumulated } from './layers/accumulated.js';
export { gelu, hardSwish, type LeakyReluOptions, leakyRelu, silu, softplus } from './layers/activations.js';
export { type AdagradOptions, adagrad } from './layers/adagrad.js';
export { type AdamOptions, adam, adamW, yogi } from './layers/adam.js';
export { adaptiveAveragePool2d } from './layers/adaptive-average-pool2d.js';
export {
  type AttentionOptions,
  attentionHeads,
  multiHeadAttention,
  scaledDotProductAttention,
} from './layers/attention.js';
export { type AucOptions, auc } from './layers/auc.js';
export { type AveragePool2dOptions, averagePool2d, globalAveragePool2d } from './layers/average-pool2d.js';
export { type BatchNormOptions, batchNorm } from './layers/batch-norm.js';
export { type BinaryAccuracyOptions, binaryAccuracy, binaryCrossEntropyWithLogits } from './layers/binary.js';
export { chain, clipByGlobalNorm, clipByValue } from './layers/chain.js';
export { f1, precision, recall, topKAccuracy } from './layers/class-metrics.js';
export { block, concatenated, residual } from './layers/composites.js';
export { type ClassScores, classScores, confusionMatrix } from './layers/confusion-matrix.js';
export { type ConvTranspose2dOptions, convTranspose2d } from './layers/conv-transpose2d.js';
export { type Conv2dOptions, conv2d } from './layers/conv2d.js';
export {
  defineGradientTransform,
  defineLayer,
  defineLoss,
  defineMetric,
  defineOptimizer,
  defineShapedMetric,
} from './layers/define.js';
export { type DenseOptions, dense } from './layers/dense.js';
export { dropout } from './layers/dropout.js';
export { type EmbeddingBagOptions, embedding, embeddingBag } from './layers/embedding.js';
export { frozen } from './layers/frozen.js';
export { gru } from './layers/gru.js';
export { filled, uniformFanIn } from './layers/initializers.js';
export { type KlDivergenceOptions, klDivergence } from './layers/kl-divergence.js';
export type { Layers } from './layers/layer-list.js';
export { layerRates } from './layers/layer-rates.js';
export { type LoraOptions, lora } from './layers/lora.js';
export { huber, meanAbsoluteError, meanSquaredError } from './layers/losses.js';
export { lstm } from './layers/lstm.js';
export { masked, positionMean } from './layers/masked.js';
export { globalMaxPool2d, type MaxPool2dOptions, maxPool2d } from './layers/max-pool2d.js';
export { accuracy, perplexity } from './layers/metrics.js';
export type { NormOptions } from './layers/norm-options.js';
export type { LearningRate } from './layers/optimizer-settings.js';
export { type ParameterInput, type ParameterOutput, perParameter } from './layers/per-parameter.js';
export { positionalEmbedding } from './layers/positional-embedding.js';
export type { PositionsOptions } from './layers/positions.js';
export { r2 } from './layers/r2.js';
export type { RecurrentOptions } from './layers/recurrent.js';
export { relu } from './layers/relu.js';
export { type RmsPropOptions, rmsProp } from './layers/rms-prop.js';
export { groupNorm, instanceNorm, type LayerNormOptions, layerNorm } from './layers/sample-norms.js';
export {
  exponentialDecay,
  linearDecay,
  linearWarmup,
  type StepSchedule,
  scheduled,
} from './layers/scheduled.js';
export { sequential } from './layers/sequential.js';
export { type SgdOptions, sgd } from './layers/sgd.js';
export { flatten, reshape } from './layers/shape-layers.js';
export { sigmoid } from './layers/sigmoid.js';
export { type SoftmaxCrossEntropyOptions, softmaxCrossEntropy } from './layers/softmax-cross-entropy.js';
export { tanh } from './layers/tanh.js';
export type {
  AnyMetric,
  BuiltLayer,
  BuiltModel,
  ByParameter,
  GradientTransform,
  Layer,
  LayerContext,
  LayerParameter,
  LayerResult,
  Loss,
  LossContext,
  Metric,
  Model,
  Optimizer,
  OptimizerInput,
  OptimizerOutput,
  OptimizerSettings,
  RandomSource,
  ShapedMetric,
  TransformInput,
} from './layers/types.js';
export { type Upsample2dOptions, upsample2d } from './layers/upsample2d.js';
export type { Attribute as OnnxAttribute, Attributes as OnnxAttributes, OnnxValue } from './onnx/ir.js';
export { type OperatorName, operatorAttributes } from './onnx/operators.js';
export { toOnnx } from './onnx/serialize.js';
export { modelFromOnnx, type OnnxModelOptions } from './onnx-import/import-model.js';
export { type BatchOrderOptions, batchOrder } from './plan/batch-order.js';
export { type BoundModelOptions, bindParameters, INFERENCE_INPUT } from './plan/bound-model.js';
export type { ClientTerms, FinishContext, FinishResult, TermContext } from './plan/client-terms.js';
export { buildPlanGraphs, compilePlan, type PlanGraphs } from './plan/compile.js';
export { decodePlan, encodePlan, type PlanParts } from './plan/encode.js';
export {
  compileInference,
  INFERENCE_OUTPUT,
  type InferenceInfo,
  type InferenceNames,
  type InferenceSource,
  inferenceInfo,
} from './plan/inference-graph.js';
export { initializeParameters } from './plan/initialize.js';
export type { EvaluateJob, EvaluateResult, TrainJob, TrainResult } from './plan/jobs.js';
export { defaultPlanLimits, type PlanLimits } from './plan/limits.js';
export type {
  DataSpec,
  GraphPort,
  GraphSpec,
  MetricSpec,
  ParameterSpec,
  PlanManifest,
  RandomSpec,
  TrainingPlan,
} from './plan/manifest.js';
export { defaultPlanMemoryLimits, PlanMemory, type PlanMemoryLimits } from './plan/plan-memory.js';
export { PlanRunner, type PlanRunnerOptions } from './plan/runner.js';
export type { PlanSource } from './plan/source.js';
export type { Dense } from './reference/dense.js';
export { interpret } from './reference/interpret.js';
export { femnistCnn } from './zoo/femnist-cnn.js';
export { type SmallGptOptions, smallGpt } from './zoo/gpt.js';
export { mcmahanCnn, twoNN } from './zoo/mcmahan.js';
export { type MobileNetOptions, mobileNet } from './zoo/mobilenet.js';
export {
  type CharacterLstmOptions,
  characterLstm,
  type StackOverflowLstmOptions,
  stackOverflowLstm,
} from './zoo/recurrent.js';
export { resNet18 } from './zoo/resnet.js';
export type { ResNetOptions } from './zoo/resnet-parts.js';
export { resNet56 } from './zoo/resnet56.js';
export { type VggOptions, vgg11 } from './zoo/vgg.js';
