/** What a page of tests does: it simulates the task that Node simulates, and posts what came of it. */
import { encodeSafetensors, FedloomError, fedAvg, scaffold } from 'fedloom';
import { type PageSimulateOptions, simulate } from 'fedloom/browser/simulate';
import { digits } from './digits.js';

interface Page {
  readonly crossOriginIsolated: boolean;
  fetch(url: string, request: { readonly method: 'POST'; readonly body: string }): Promise<unknown>;
}

/** What a page posts. */
export interface Simulated {
  readonly status?: string;
  /** Numbers of the rounds, as they came. */
  readonly rounds?: readonly number[];
  readonly metrics?: Readonly<Record<string, unknown>>;
  /** Bytes of the model as safetensors. */
  readonly model?: readonly number[];
  readonly isolated?: boolean;
  readonly error?: { readonly code: string; readonly message: string };
}

const page = globalThis as unknown as Page;

/**
 * @param algorithm by its name, since a page is told what to do as data
 * @param cancelAfter cancels the run when this round has come
 */
export async function simulated(
  options: PageSimulateOptions,
  algorithm: 'fedAvg' | 'scaffold' = 'fedAvg',
  cancelAfter?: number,
): Promise<Simulated> {
  try {
    const { task } = digits(options.clients);
    const chosen = { ...task, algorithm: algorithm === 'scaffold' ? scaffold() : fedAvg() };
    const run = simulate(chosen, options);
    const rounds: number[] = [];
    for await (const { round } of run) {
      rounds.push(round);
      if (round === cancelAfter) run.cancel();
    }
    const { model, metrics, status } = await run.result;
    return {
      status,
      rounds,
      metrics,
      model: Array.from(encodeSafetensors(model)),
      isolated: page.crossOriginIsolated,
    };
  } catch (error) {
    return { error: { code: error instanceof FedloomError ? error.code : '', message: String(error) } };
  }
}

/** For browsers that take no orders from outside. */
export async function simulateAndPost(options: PageSimulateOptions): Promise<void> {
  await page.fetch('/', { method: 'POST', body: JSON.stringify(await simulated(options)) });
}
