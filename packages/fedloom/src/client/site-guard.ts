import { FedloomError, type PlanManifest } from '@fedloom/engine';
import type { ClientIndex } from '../core/brands.js';
import type { AnyMessage } from '../protocol/codec.js';
import type { Welcome } from '../protocol/messages.js';
import { updateSpecs } from '../update/plan-specs.js';
import { isTrainedDelta } from '../update/stages/payload-specs.js';
import type { Facts, UpdateSpec } from '../update/update.js';
import type { SitePolicy } from './site-policy.js';

/** What is about to leave of a training. */
export interface Leaving {
  readonly client: ClientIndex;
  readonly task: number;
  /** Its specs may have to be made: they are read where the policy speaks of them. */
  readonly outcome: { readonly facts: Facts; readonly specs: readonly UpdateSpec[] };
  readonly bytes: number;
}

/** Told in place of a text that stays at the site. */
const WITHHELD_TEXT = 'The site keeps the reason to itself; its own log has it.';

/** Keeps a site's policy: refuses runs and work that it does not allow, and takes out of messages what may not leave. */
export class SiteGuard {
  readonly #policy: SitePolicy;
  readonly #pinned: string | undefined;
  readonly #trainings = new Map<ClientIndex, { readonly task: number; readonly count: number }>();
  readonly #evaluations = new Map<ClientIndex, number>();

  /** @param pinned hash of the only plan that may run; undefined: what the policy says */
  constructor(policy: SitePolicy = {}, pinned?: string) {
    this.#policy = policy;
    this.#pinned = pinned;
  }

  /** Before anything is sent to a server. @throws FedloomError `site.refused` */
  checkServer(url: string): void {
    const { servers } = this.#policy;
    if (servers === undefined || servers.some((server) => placeOf(server) === placeOf(url))) return;
    throw refused(
      'servers',
      `takes part with ${servers.join(', ') || 'no server'} alone, and not with ${placeOf(url)}`,
    );
  }

  /** Of each connection. @throws FedloomError `client.plan-pinned`, `site.refused` */
  checkRun({ workload, algorithm, needs, stages }: Welcome): void {
    const { requireClip, withhold = [] } = this.#policy;
    this.#checkPlan(workload);
    this.#checkAlgorithm(algorithm);
    const needed = needs.find((fact) => withhold.some((one) => one === fact));
    if (needed !== undefined) throw refused('withhold', `keeps the fact ${needed} to itself, which the run needs`);
    if (requireClip === undefined) return;
    const clip = stages.find(({ name }) => name === 'clip')?.options.norm;
    if (typeof clip === 'number' && clip <= requireClip) return;
    const has = clip === undefined ? 'none' : `clip(norm=${String(clip)})`;
    throw refused(
      'requireClip',
      `takes part only where updates are clipped to a norm of ${requireClip}; the run has ${has}`,
    );
  }

  /** @throws FedloomError `site.refused` */
  checkPlan(manifest: PlanManifest): void {
    this.#checkAlgorithm(manifest.algorithm.name);
    if (this.#policy.requireClip !== undefined) checkClipped(updateSpecs(manifest));
  }

  /** Before an update leaves, once for each training. @throws FedloomError `site.refused` */
  checkUpdate({ client, task, outcome, bytes }: Leaving): void {
    const { sampleCountMin = 1, trainingsMax, updateBytesMax } = this.#policy;
    const { sampleCount = 0 } = outcome.facts;
    if (this.#policy.requireClip !== undefined) checkClipped(outcome.specs);
    if (sampleCount < sampleCountMin) {
      throw refused(
        'sampleCountMin',
        `lets updates of at least ${sampleCountMin} samples leave, and client ${client} has fewer`,
      );
    }
    if (updateBytesMax !== undefined && bytes > updateBytesMax) {
      throw refused(
        'updateBytesMax',
        `lets updates of at most ${updateBytesMax} bytes leave; that of client ${client} has ${bytes}`,
      );
    }
    const before = this.#trainings.get(client);
    // The same task again, which was lost with its line, is no other training.
    const count = (before?.count ?? 0) + (before?.task === task ? 0 : 1);
    if (trainingsMax !== undefined && count > trainingsMax) {
      throw refused(
        'trainingsMax',
        `lets ${trainingsMax} updates of a client leave, and these of client ${client} have left`,
      );
    }
    this.#trainings.set(client, { task, count });
  }

  /** Whether the results of an evaluation of this client may leave; counts it if so. */
  allowsEvaluation(client: ClientIndex): boolean {
    const { evaluationsMax = Number.POSITIVE_INFINITY, withhold = [] } = this.#policy;
    const count = (this.#evaluations.get(client) ?? 0) + 1;
    if (withhold.includes('evaluations') || count > evaluationsMax) return false;
    this.#evaluations.set(client, count);
    return true;
  }

  /** What may leave of a message. */
  told<M extends AnyMessage>(message: M): M {
    const { withhold = [] } = this.#policy;
    if (withhold.length === 0) return message;
    const { type } = message;
    if ((type === 'failed' || type === 'error') && withhold.includes('reasons'))
      return { ...message, message: WITHHELD_TEXT };
    if (type !== 'update') return message;
    const { facts } = message as M & { readonly facts: Facts };
    const left = Object.entries(facts).filter(([fact]) => !withhold.some((one) => one === fact));
    return { ...message, facts: Object.fromEntries(left) };
  }

  #checkPlan(workload: Welcome['workload']): void {
    const { plans } = this.#policy;
    const server = workload.kind === 'plan' ? workload.hash : undefined;
    const isPinned = this.#pinned === undefined || this.#pinned === server;
    // Training code of the site's own is what the site itself has put there.
    if (isPinned && (plans === undefined || server === undefined || plans.includes(server))) return;
    const pinned = [...(this.#pinned === undefined ? (plans ?? []) : [this.#pinned])];
    const has =
      server === undefined ? 'has no plan: its clients bring training code of their own' : `has the plan ${server}`;
    throw new FedloomError(
      'client.plan-pinned',
      `The run ${has}; this client runs no plan but ${pinned.join(', ') || 'none'}, which was pinned. Ask the operator of the ` +
        'server what has changed before you pin another.',
      { server, pinned },
    );
  }

  #checkAlgorithm(algorithm: string): void {
    const { algorithms, refuseAlgorithms = [] } = this.#policy;
    if (algorithms !== undefined && !algorithms.includes(algorithm)) {
      throw refused(
        'algorithms',
        `takes part in runs of ${algorithms.join(', ') || 'no algorithm'} alone; this is one of ${algorithm}`,
      );
    }
    if (refuseAlgorithms.includes(algorithm))
      throw refused('refuseAlgorithms', `takes no part in runs of ${algorithm}`);
  }
}

function checkClipped(specs: readonly UpdateSpec[]): void {
  const free = specs.find((spec) => !isTrainedDelta(spec));
  if (free === undefined) return;
  const what = free.kind === 'upload' ? 'upload' : 'buffer';
  throw refused(
    'requireClip',
    `takes part only where all that leaves is clipped, and the ${what} ${free.name} would not be`,
  );
}

/** Scheme, host and port; the port that a scheme has by default is none. */
function placeOf(url: string): string {
  if (!URL.canParse(url)) return url;
  const { protocol, host } = new URL(url);
  return `${protocol}//${host}`;
}

function refused(rule: keyof SitePolicy, what: string): FedloomError {
  return new FedloomError('site.refused', `The site's policy (${rule}): it ${what}.`, { rule });
}
