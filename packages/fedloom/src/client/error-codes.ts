import type { NoFields } from '@fedloom/engine/base';

/** The errors of clients: code and fields. Those of their work are in `compute`. */
export interface ClientErrors {
  'client.hash': { readonly actual: string; readonly hash: string };
  'client.no-server': { readonly url: string; readonly waitedMs: number; readonly tookPart: boolean };
  'client.options': { readonly issues: readonly string[] };
  'client.other-run': { readonly expected: string; readonly actual: string };
  'client.other-software': { readonly server: string; readonly client: string };
  'client.plan-differs': { readonly server: string; readonly client: string };
  /** `server`: the hash of its plan, where it has one. */
  'client.plan-pinned': { readonly server: string | undefined; readonly pinned: readonly string[] };
  'client.results': NoFields;
  'client.unknown-fact': { readonly fact: string };

  'site.policy': { readonly issues: readonly string[] };
  /** `rule`: the field of the site's policy. */
  'site.refused': { readonly rule: string };
  'site.unrecorded': NoFields;
}
