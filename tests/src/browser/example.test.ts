import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer as createNetServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Page } from 'playwright-core';
import { createServer } from 'vite';
import { expect, it, onTestFinished } from 'vitest';
import { root } from '../repository/source-tree.js';
import { describeChromium } from './chromium.js';

const EXAMPLE = join(root, 'examples/browser-digits');
const JITI = join(root, 'node_modules/jiti/lib/jiti-cli.mjs');
const PHONE = { width: 390, height: 844 };
/** Strokes of a one and a seven, as parts of the drawing's width and height. */
const ONE = [
  [0.5, 0.2],
  [0.5, 0.8],
] as const;
const SEVEN = [
  [0.25, 0.25],
  [0.75, 0.25],
  [0.45, 0.8],
] as const;

/** The page by Vite, as the example's README has it: when the server has put there what it serves, which Vite looks up as it starts. */
async function hostExample(port: number): Promise<void> {
  const vite = await createServer({
    configFile: join(EXAMPLE, 'vite.config.ts'),
    root: EXAMPLE,
    server: { host: '127.0.0.1', port, strictPort: true, watch: null, hmr: false },
    logLevel: 'error',
  });
  await vite.listen();
  onTestFinished(() => vite.close());
}

async function freePort(): Promise<number> {
  const server = createNetServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** @returns what it prints, line by line, and its address */
async function serveExample(origin: string, rounds: number) {
  const child = spawn(process.execPath, [JITI, join(EXAMPLE, 'server.ts'), origin, '0', `${rounds}`]);
  onTestFinished(() => void child.kill());
  const said: string[] = [];
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => said.push(line));
  await once(lines, 'line');
  return { said, ended: once(child, 'exit'), url: /ws:\S+(?=,)/.exec(said[0] ?? '')?.[0] ?? '' };
}

/** Nothing is wider than the screen. */
async function expectToFit(page: Page): Promise<void> {
  expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(PHONE.width);
}

async function draw(page: Page, strokes: readonly (readonly [number, number])[]): Promise<void> {
  const canvas = page.locator('#drawing');
  await canvas.scrollIntoViewIfNeeded();
  const { x, y, width, height } = (await canvas.boundingBox()) ?? { x: 0, y: 0, width: 0, height: 0 };
  for (const [at, [across, down]] of strokes.entries()) {
    await page.mouse.move(x + across * width, y + down * height, { steps: 5 });
    if (at === 0) await page.mouse.down();
  }
  await page.mouse.up();
}

describeChromium('the example of digits that are drawn', (browser) => {
  it('draws, trains, watches and predicts on the screen of a phone', async () => {
    const port = await freePort();
    const origin = `http://127.0.0.1:${port}`;
    const { url, said, ended } = await serveExample(origin, 2);
    await hostExample(port);
    const page = await (await browser()).newPage({ viewport: PHONE, isMobile: true, hasTouch: true });
    onTestFinished(() => page.close());
    const errors: string[] = [];
    page.on('pageerror', ({ message }) => errors.push(message));
    await page.goto(`${origin}/?server=${url}`);
    for (const [digit, strokes] of [
      [1, ONE],
      [7, SEVEN],
    ] as const) {
      await draw(page, strokes);
      await page.getByRole('button', { name: `${digit}`, exact: true }).click();
    }
    await page.reload();
    await page.getByText('2 drawings').waitFor();
    await page.getByRole('button', { name: 'Take part' }).click();
    await page.getByText('The run is over: you trained 2 times.').waitFor();
    await draw(page, ONE);
    const likely = () =>
      page
        .locator('#guess li')
        .evaluateAll((bars) =>
          bars.map((bar) => Number.parseFloat((bar as unknown as Bar).style.getPropertyValue('--likely'))),
        );
    await expect.poll(async () => (await likely()).filter((percent) => percent > 0)).toHaveLength(10);
    const bars = await likely();
    expect(bars.indexOf(Math.max(...bars))).toBe(1);
    await expectToFit(page);
    expect(errors).toEqual([]);
    await ended;
    expect(said.slice(1)).toEqual([
      expect.stringMatching(/^round 1: 3 clients/),
      expect.stringMatching(/^round 2: 3 clients/),
    ]);
  });

  it('simulates a federation on the screen of a phone, and shows what the model has learned', async () => {
    const port = await freePort();
    await hostExample(port);
    const page = await (await browser()).newPage({ viewport: PHONE, isMobile: true, hasTouch: true });
    onTestFinished(() => page.close());
    const errors: string[] = [];
    page.on('pageerror', ({ message }) => errors.push(message));
    await page.goto(`http://127.0.0.1:${port}/simulation.html`);
    await page.getByRole('button', { name: 'Start' }).click();
    await page.getByText('The run is over').waitFor();
    expect(Number(/(\d+) %/.exec(await page.locator('#status').innerText())?.[1])).toBeGreaterThan(85);
    const corners = await page.locator('#chart polyline').getAttribute('points');
    expect(corners?.split(' ')).toHaveLength(40);
    await expectToFit(page);
    expect(errors).toEqual([]);
  });
});

interface Bar {
  readonly style: { getPropertyValue(name: string): string };
}
