import type { Rule } from '../optimize.js';
import { biasUpdate } from './bias-update.js';
import { convBias } from './conv-bias.js';
import { scalarFactors } from './factors.js';
import { gemmAddend, gemmAddendShape, gemmAlpha, gemmBeta, scaleAfterReshape } from './gemm.js';
import { carryReshaped, reshapeScannedRows } from './loops.js';
import { pointwiseInputGradient, pointwiseWeightGradient } from './pointwise.js';
import {
  doubledProduct,
  expandIntoBroadcast,
  negatedAddend,
  splitImageSum,
  sumDroppingAxes,
  sumOfNegated,
} from './reductions.js';
import { dropIdentity, extentFromInput, mergeReshapes, mergeTransposes, transposeToReshape } from './shapes.js';
import { winogradInputGradient, winogradProduct, winogradWeightGradient } from './winograd.js';

/** In order of trial: the first that applies to a node wins, then the others on the next pass. */
export const rules: readonly Rule[] = [
  dropIdentity,
  winogradProduct,
  winogradInputGradient,
  winogradWeightGradient,
  pointwiseInputGradient,
  pointwiseWeightGradient,
  extentFromInput,
  mergeReshapes,
  mergeTransposes,
  transposeToReshape,
  expandIntoBroadcast,
  sumDroppingAxes,
  negatedAddend,
  sumOfNegated,
  doubledProduct,
  biasUpdate,
  gemmAddend,
  gemmAddendShape,
  gemmBeta,
  scaleAfterReshape,
  gemmAlpha,
  convBias,
  scalarFactors,
  splitImageSum,
  reshapeScannedRows,
  carryReshaped,
];
