import type { NoFields } from '@fedloom/engine/base';

/** The errors of conformance suites: code and fields. */
export interface ConformanceErrors {
  'conformance.broken': NoFields;
}
