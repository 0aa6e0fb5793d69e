import type { NoFields } from '@fedloom/engine/base';

/** The errors of simulations: code and fields. */
export interface SimulationErrors {
  'replay.no-data': { readonly run: string; readonly data: string };
  'replay.nothing': { readonly run: string };
  'simulation.lost': NoFields;
}
