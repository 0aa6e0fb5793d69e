/** What a plan from outside may hold. A larger one is refused before memory is taken for it. */
export interface PlanLimits {
  readonly planBytesMax: number;
  readonly manifestBytesMax: number;
  readonly parametersMax: number;
  readonly rankMax: number;
  /** Of all parameters together, and of one sample. */
  readonly elementsMax: number;
  readonly nameLengthMax: number;
  readonly metricsMax: number;
  /** Numbers of one metric for each sample. */
  readonly metricSizeMax: number;
  readonly slotsMax: number;
  readonly scalarsMax: number;
  readonly localEpochsMax: number;
  readonly batchSizeMax: number;
  readonly classesMax: number;
}

export const defaultPlanLimits: PlanLimits = {
  planBytesMax: 64 * 2 ** 20,
  manifestBytesMax: 4 * 2 ** 20,
  parametersMax: 10_000,
  rankMax: 8,
  elementsMax: 2 ** 28,
  nameLengthMax: 200,
  /** As many as the statistics of one evaluation. */
  metricsMax: 64,
  /** As many as a list of results may have. */
  metricSizeMax: 4096,
  slotsMax: 32,
  scalarsMax: 100,
  localEpochsMax: 1_000_000,
  batchSizeMax: 1_000_000,
  classesMax: 10_000_000,
};
