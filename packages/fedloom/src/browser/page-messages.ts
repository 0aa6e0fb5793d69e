import { FedloomError } from '@fedloom/engine';
import type { JoinEvent } from '../client/serve-until-finished.js';
import type { SitePolicy } from '../client/site-policy.js';
import type { Predictions } from '../inference/predictor.js';
import type { SamplesInput } from '../inference/samples.js';
import type { Finish, Join } from '../protocol/messages.js';
import type { PageData } from './given-data.js';
import type { RuntimeOptions } from './load-runtime.js';
import type { InferenceSource } from './page-predictor.js';

/** What a page's worker is asked to take part in. */
export interface PageRequest {
  readonly url: string;
  readonly clients: Join['clients'];
  readonly data: ReadonlyMap<number, PageData>;
  readonly runtime: Omit<RuntimeOptions, 'threads'> & { readonly threads?: number };
  readonly inference?: InferenceSource;
  readonly run?: string;
  readonly token?: string;
  readonly planHash?: string;
  readonly sitePolicy?: SitePolicy;
  readonly keepState?: boolean;
  readonly retryForMs?: number;
  readonly keptBytesMax?: number;
  readonly bodyBytesMax?: number;
  readonly planMemoryBytesMax?: number;
}

export type ToWorker =
  | { readonly type: 'join'; readonly request: PageRequest }
  | { readonly type: 'predict'; readonly id: number; readonly x: SamplesInput }
  | { readonly type: 'pause' | 'resume' | 'leave' };

export type FromWorker =
  | { readonly type: 'event'; readonly event: JoinEvent }
  | { readonly type: 'ended'; readonly finish: Finish | undefined }
  | { readonly type: 'failed'; readonly error: ErrorData }
  | { readonly type: 'predicted'; readonly id: number; readonly predictions: Predictions }
  | { readonly type: 'notPredicted'; readonly id: number; readonly error: ErrorData };

/** Errors cross threads as data, since a clone drops an error's code and fields. */
export interface ErrorData {
  readonly code: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function errorData(error: unknown): ErrorData {
  if (!(error instanceof FedloomError)) return { code: 'client.failed', message: String(error), fields: {} };
  const { code, message, fields } = error;
  return { code, message, fields: { ...fields } };
}

/** An event as it crosses threads; `received` undoes it. */
export function sendable(event: JoinEvent): JoinEvent {
  return event.type === 'jobFailed' ? { ...event, error: errorData(event.error) } : event;
}

export function received(event: JoinEvent): JoinEvent {
  return event.type === 'jobFailed' ? { ...event, error: FedloomError.from(event.error as ErrorData) } : event;
}
