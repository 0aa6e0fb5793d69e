import type { FedloomError } from '@fedloom/engine';
import type { Dial, Listen } from '../../protocol/transport.js';
import type { Launched } from './launched-as.js';

/** The ranks of an MPI job as seen by one of them; `@fedloom/transport-mpi` opens it. */
export interface MpiWorld {
  /** Which this one is, from 0. */
  readonly rank: number;
  /** How many ranks there are. */
  readonly size: number;
  /** The host of each rank, as MPI names it. */
  readonly hosts: readonly string[];
  /** The text by which this MPI names itself. */
  readonly implementation: string;
  /** `mpi:3` */
  urlOf(rank: number): string;
  /** This rank, one listener at a time. */
  readonly listen: Listen;
  /** Any rank, this one too. One that has not listened yet is waited for. */
  readonly dial: Dial;
  /** Closes what is open, waits until every rank closes, and ends MPI. The process may go on, without MPI. */
  close(): Promise<void>;
  /** Ends all processes of the job at once; the launcher's exit code is this one. */
  abort(code: number): void;
}

/** What `@fedloom/transport-mpi/plug` exports: fedloom does not depend on it, for it depends on fedloom. */
export interface MpiPlug {
  /**
   * Starts MPI in this process, together with every other rank.
   * @param launched how this process was started, as `launchedAs` tells
   */
  openMpiWith(library: MpiLibrary, launched: Launched | undefined): Promise<MpiWorld>;
}

/** What the package is handed of fedloom, so that its errors and its memory are those of who uses it. */
export interface MpiLibrary {
  readonly FedloomError: typeof FedloomError;
  readonly uninitializedBytes: (length: number) => Uint8Array;
  readonly freeBytes: (bytes: Uint8Array) => void;
}
