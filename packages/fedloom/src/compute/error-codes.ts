import type { NoFields } from '@fedloom/engine/base';

/** The errors of those who do clients' work: code and fields. */
export interface ComputeErrors {
  'client.cancelled': NoFields;
  /** What user code threw, or a bug. */
  'client.failed': NoFields;
  'client.needs-task': { readonly task: string };
  'client.no-clients': NoFields;
  'client.no-data': NoFields;
  'client.no-samples': { readonly client: number };
  'client.other-algorithm': { readonly server: string; readonly client: string };
  'client.other-task': { readonly client: string };

  'compute.device': { readonly device: string };
  'compute.frame': NoFields;
  'compute.host': { readonly peer: string };
  'compute.pool': { readonly pool: string };
  /** `how` it ended; `client`: whom it trained. */
  'compute.worker-lost': { readonly how: string; readonly client?: number };

  /** Of devices that speak JSON: what they cannot do, and what they sent. */
  'device.algorithm': { readonly algorithm: string };
  'device.message': { readonly device: number; readonly field: string };
  'device.params': { readonly device: number; readonly parameter: string };
}
