import { decodeSafetensors, type FederatedAlgorithm, fedAvg, scaffold, simulate } from 'fedloom';
import type { Browser } from 'playwright-core';
import { expect, it, onTestFinished } from 'vitest';
import { describeChromium } from './chromium.js';
import { digits } from './digits.js';
import { distance } from './distance.js';
import { hostPages } from './page-host.js';
import type { Simulated } from './simulated-page.js';
import { simulationBundle } from './simulation-bundle.js';

const size = { clients: 4, clientsPerRound: 3, rounds: 3, seed: 4 };

describeChromium('a federation simulated in a page of Chromium', simulationTests);

function simulationTests(browser: () => Promise<Browser>): void {
  async function simulatedInPage(
    options: object,
    {
      isolated = false,
      algorithm = 'fedAvg',
      cancelAfter,
    }: { readonly isolated?: boolean; readonly algorithm?: string; readonly cancelAfter?: number } = {},
  ): Promise<Simulated> {
    const files = { '/fedloom/simulated.js': await simulationBundle() };
    const page = await (await browser()).newPage();
    onTestFinished(() => page.close());
    await page.goto(await hostPages({ isolated, files }));
    const given = { runtime: '/onnxruntime/', ...size, ...options };
    return page.evaluate(`import('/fedloom/simulated.js').then((page) =>
      page.simulated(${JSON.stringify(given)}, ${JSON.stringify(algorithm)}, ${cancelAfter}))`);
  }

  function inNode(algorithm: FederatedAlgorithm) {
    return simulate({ ...digits(size.clients).task, algorithm }, { ...size, workers: 1 }).result;
  }

  it('comes to the model of Node, and to the same bytes with any number of workers', async () => {
    const [one, three, { model, metrics }] = await Promise.all([
      simulatedInPage({ workers: 1 }),
      simulatedInPage({ workers: 3 }),
      inNode(fedAvg()),
    ]);
    expect(one.error).toBeUndefined();
    expect(one).toMatchObject({ status: 'completed', rounds: [0, 1, 2], isolated: false });
    expect(distance(decodeSafetensors(Uint8Array.from(one.model ?? [])), model)).toBeLessThan(1e-4);
    expect(one.metrics?.accuracy).toBeCloseTo(Number(metrics.accuracy), 4);
    expect(metrics.accuracy).toBeGreaterThan(0.5);
    expect(one.model).toEqual(three.model);
  });

  it('keeps private state of the clients, on an isolated page with several threads', async () => {
    const [inPage, { model }] = await Promise.all([
      simulatedInPage({ workers: 2, threads: 2 }, { isolated: true, algorithm: 'scaffold' }),
      inNode(scaffold()),
    ]);
    expect(inPage.error).toBeUndefined();
    expect(inPage.isolated).toBe(true);
    expect(distance(decodeSafetensors(Uint8Array.from(inPage.model ?? [])), model)).toBeLessThan(1e-4);
  });

  it('ends when it is cancelled, with the model so far', async () => {
    const { error, status, rounds, model } = await simulatedInPage({ rounds: 10_000 }, { cancelAfter: 1 });
    expect(error).toBeUndefined();
    expect(status).toBe('cancelled');
    expect(rounds?.slice(0, 2)).toEqual([0, 1]);
    expect(rounds?.length).toBeLessThan(100);
    expect(decodeSafetensors(Uint8Array.from(model ?? [])).size).toBeGreaterThan(0);
  });

  it.each([
    ['a runtime that is not there', { runtime: '/nowhere/' }, 'compute.worker-lost', /nowhere\/ort\.wasm\.min\.mjs/],
    ['no runtime', { runtime: undefined }, 'run.options', /runtime is missing/],
    ['a journal', { journal: {} }, 'run.options', /a page keeps no journal/],
    ['an option that there is not', { worker: undefined, wrokers: 2 }, 'run.options', /no option wrokers.*workers/],
  ])('says what is wrong: %s', async (_what, options, code, message) => {
    expect((await simulatedInPage(options)).error).toEqual({ code, message: expect.stringMatching(message) });
  });
}
