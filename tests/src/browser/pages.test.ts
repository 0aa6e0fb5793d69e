import { createServer, joinFederation, type NamedTensors, type RoundRecord, type RunResult, simulate } from 'fedloom';
import { expect, it, onTestFinished } from 'vitest';
import { describeChromium } from './chromium.js';
import { digits } from './digits.js';
import { ClientPage } from './page.js';
import { hostPages } from './page-host.js';

const size = { clients: 3, clientsPerRound: 3, rounds: 3, seed: 4 };
const one = (from: number) => [{ from, count: 1 }];

/** The largest difference between numbers of two models. */
function distance(model: NamedTensors, other: NamedTensors): number {
  expect([...model.keys()]).toEqual([...other.keys()]);
  return Math.max(
    ...[...model].flatMap(([name, { data }]) =>
      Array.from(data as Float32Array, (value, at) => Math.abs(Number(value) - Number(other.get(name)?.data[at]))),
    ),
  );
}

async function serve(task: ReturnType<typeof digits>['task'], options: Parameters<typeof createServer>[1]) {
  const server = await createServer(task, { workers: 1, ...options });
  onTestFinished(() => server.close());
  const records: RoundRecord[] = [];
  server.run.on('round', (record) => records.push(record));
  return { server, records };
}

const accuracyOf = ({ metrics }: RunResult) => Number(metrics.accuracy);

describeChromium('pages in Chromium', (browser) => {
  it('two pages, one of them isolated, and a client in Node come to the model of Node alone', async () => {
    const { task, dataOf } = digits(3);
    const hosts = await Promise.all([hostPages(), hostPages({ isolated: true })]);
    const { server, records } = await serve(task, { ...size, allowedOrigins: hosts });
    const joined = joinFederation(server.url, { clients: one(2), task, workers: 1 });
    const pages = await Promise.all(
      hosts.map(async (host, client) => {
        const page = await ClientPage.open(await browser(), host);
        await page.join(server.url, { clients: one(client), data: dataOf(client), threads: client + 1 });
        return page;
      }),
    );
    expect(await Promise.all(pages.map(({ page }) => page.evaluate('crossOriginIsolated')))).toEqual([false, true]);
    const [result, alone] = await Promise.all([server.result, simulate(task, { ...size, workers: 1 }).result, joined]);
    const ends = await Promise.all(pages.map((page) => page.end()));
    expect(ends.map(({ ended, error }) => error ?? ended)).toEqual(['completed', 'completed']);
    expect(records.map(({ counted }) => counted)).toEqual(new Array(3).fill([0, 1, 2]));
    expect(records.map(({ testSampleCount }) => testSampleCount)).toEqual(new Array(3).fill(15));
    expect(distance(result.model, alone.model)).toBeLessThan(1e-4);
    expect(accuracyOf(result)).toBeCloseTo(accuracyOf(alone), 4);
    expect(accuracyOf(result)).toBeGreaterThan(0.5);
  });

  /** A run with a page as client 0 and others in Node, and the page. */
  async function withPage(options: Partial<Parameters<typeof createServer>[1]> = {}, more: object = {}) {
    const { task, dataOf } = digits(3);
    const host = await hostPages();
    const { server, records } = await serve(task, { ...size, allowedOrigins: [host], farewellMs: 0, ...options });
    // The page was asked when they were.
    const othersTrained = new Promise<void>((resolve) => {
      let updates = 0;
      server.run.on('update', () => {
        updates += 1;
        if (updates === 2) resolve();
      });
    });
    const page = await ClientPage.open(await browser(), host);
    await page.join(server.url, { clients: one(0), data: dataOf(0), ...more });
    const others = () => joinFederation(server.url, { clients: [{ from: 1, count: 2 }], task, workers: 1 });
    return { server, records, page, others, othersTrained };
  }

  it('a tab that is closed costs its own update', async () => {
    const { server, records, page, others, othersTrained } = await withPage({ quorum: 2, graceMs: 100 });
    await page.event('joined');
    await page.tell('pause');
    const joined = others();
    await othersTrained;
    await page.page.close();
    await Promise.all([server.result, joined]);
    expect(records.map(({ counted }) => counted)).toEqual(new Array(3).fill([1, 2]));
  });

  it('does nothing while it is paused, goes on, and leaves', async () => {
    const { server, records, page, others, othersTrained } = await withPage({ quorum: 2, graceMs: 100 });
    await page.event('joined');
    await page.tell('pause');
    const joined = others();
    await othersTrained;
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(records).toEqual([]);
    expect((await page.state()).events.map(({ type }) => type)).toEqual(['joined']);
    await page.tell('resume');
    await page.event('trained');
    await page.tell('leave');
    expect(await page.end()).toMatchObject({ ended: 'left' });
    await Promise.all([server.result, joined]);
    expect(records).toHaveLength(3);
    expect(records.at(-1)?.counted).toEqual([1, 2]);
  });
});
