/** Every code of an error in this package: each room lists its own, and this file adds them to the catalogue. */
import type { AlgorithmErrors } from './algorithms/error-codes.js';
import type { BrowserErrors } from './browser/error-codes.js';
import type { CommandErrors } from './cli/error-codes.js';
import type { ClientErrors } from './client/error-codes.js';
import type { ComputeErrors } from './compute/error-codes.js';
import type { ConformanceErrors } from './conformance/error-codes.js';
import type { CoreErrors } from './core/error-codes.js';
import type { DataErrors } from './data/error-codes.js';
import type { InferenceErrors } from './inference/error-codes.js';
import type { JournalErrors } from './journal/error-codes.js';
import type { LaunchErrors } from './launch/error-codes.js';
import type { ProtocolErrors } from './protocol/error-codes.js';
import type { PythonErrors } from './python/error-codes.js';
import type { ServerErrors } from './server/error-codes.js';
import type { SimulationErrors } from './simulation/error-codes.js';
import type { StoreErrors } from './store/error-codes.js';
import type { TaskErrors } from './task/error-codes.js';
import type { TransportErrors } from './transport/error-codes.js';
import type { UpdateErrors } from './update/error-codes.js';

export interface FederationErrors
  extends AlgorithmErrors,
    BrowserErrors,
    ClientErrors,
    CommandErrors,
    ComputeErrors,
    ConformanceErrors,
    CoreErrors,
    DataErrors,
    InferenceErrors,
    JournalErrors,
    LaunchErrors,
    ProtocolErrors,
    PythonErrors,
    ServerErrors,
    SimulationErrors,
    StoreErrors,
    TaskErrors,
    TransportErrors,
    UpdateErrors {}

declare module '@fedloom/engine/base' {
  interface ErrorFields extends FederationErrors {}
}
