import type * as fedloom from 'fedloom/browser';
import type { Browser, Page } from 'playwright-core';
import { expect, it, onTestFinished } from 'vitest';
import { describeChromium } from './chromium.js';
import { ClientPage } from './page.js';
import { hostPages } from './page-host.js';

/** What a page finds. */
interface Scope {
  readonly fedloom: typeof fedloom;
}

describeChromium('data that a page holds', (browser) => {
  it('takes pictures from a canvas and from a file, in gray and in colours', async () => {
    const page = await openPage(browser);
    const taken = await page.evaluate(`(async () => {
      const canvas = new OffscreenCanvas(4, 2);
      const context = canvas.getContext('2d');
      const colours = ['rgb(200,100,50)', 'rgb(0,255,0)', 'rgb(0,0,0)', 'rgb(9,9,9)'];
      for (const [at, colour] of colours.entries()) {
        context.fillStyle = colour;
        context.fillRect(at % 2 * 2, Math.floor(at / 2), 2, 1);
      }
      const size = { width: 4, height: 2 };
      const file = new File([await canvas.convertToBlob()], 'four.png');
      return {
        gray: Array.from(fedloom.fromCanvas(canvas, size)),
        rgb: Array.from(fedloom.fromCanvas(canvas, { ...size, channels: 'rgb' })),
        file: Array.from(await fedloom.fromPicture(file, size)),
        none: Array.from(fedloom.fromCanvas(new OffscreenCanvas(4, 2), { width: 1, height: 2 })),
      };
    })()`);
    const gray = [124, 124, 150, 150, 0, 0, 9, 9];
    const rgb = [...[200, 200, 0, 0, 0, 0, 9, 9], ...[100, 100, 255, 255, 0, 0, 9, 9], ...[50, 50, 0, 0, 0, 0, 9, 9]];
    expect(taken).toEqual({ gray, rgb, file: gray, none: [0, 0] });
  });

  it('takes all of a frame of a video, which has no width but those of its pixels', async () => {
    const page = await openPage(browser);
    const taken = await page.evaluate(`(async () => {
      const canvas = document.createElement('canvas');
      [canvas.width, canvas.height] = [4, 2];
      const context = canvas.getContext('2d');
      context.fillStyle = 'rgb(8,8,8)';
      context.fillRect(0, 0, 4, 2);
      context.fillStyle = '#fff';
      context.fillRect(2, 0, 2, 2);
      const image = new VideoFrame(canvas, { timestamp: 0 });
      return Array.from(fedloom.fromCanvas(image, { width: 4, height: 2 }));
    })()`);
    expect(taken).toEqual([8, 8, 255, 255, 8, 8, 255, 255]);
  });

  it('cuts out what was drawn and puts it in the middle, in its proportions', async () => {
    const page = await openPage(browser);
    const taken = await page.evaluate(`(() => {
      const canvas = new OffscreenCanvas(60, 40);
      // Scaling leaves edges soft.
      const drawn = (options) => Array.from(fedloom.fromDrawing(canvas, options) ?? [], (value) => value > 127 ? 255 : 0);
      const nothing = drawn({ width: 6, height: 6 });
      const context = canvas.getContext('2d');
      context.fillStyle = '#000';
      context.fillRect(31, 3, 10, 20);
      return { nothing, drawn: drawn({ width: 6, height: 6, margin: 1 }) };
    })()`);
    const row = (value: number) => [0, 0, value, value, 0, 0];
    expect(taken).toEqual({ nothing: [], drawn: [0, 255, 255, 255, 255, 0].flatMap(row) });
  });

  it('says what is wrong', async () => {
    const page = await openPage(browser);
    const said = (call: string) =>
      page.evaluate(`(async () => fedloom.${call})().then(() => '', ({ message }) => message)`);
    for (const [call, message] of [
      ["fromPicture(new File(['no picture'], 'cat.jpg'), { width: 2, height: 2 })", /cat\.jpg is no picture/],
      ['fromCanvas(new OffscreenCanvas(2, 2), { width: 0, height: 2 })', /0 x 2 pixels/],
      ['fromCanvas(new Image(3, 3), { width: 2, height: 2 })', /has 0 x 0 pixels/],
      ["fromCanvas(new OffscreenCanvas(2, 2), { width: 2, height: 2, channels: 'grey' })", /channels 'grey'/],
      ['fromDrawing(new OffscreenCanvas(2, 2), { width: 4, height: 4, margin: 2 })', /margin of 2 leaves nothing/],
      ['splitOf([])', /no samples/],
      ['splitOf([{ x: new Uint8Array(2), y: 0 }, { x: new Uint8Array(3), y: 0 }])', /Sample 1 is a Uint8Array of 3/],
      ['splitOf([{ x: [1], y: 0 }])', /Sample 0 must be/],
    ] as const) {
      expect(await said(call)).toMatch(message);
    }
  });

  it('keeps samples until they are cleared, by their name', async () => {
    const page = await openPage(browser);
    const add = (name: string, label: number) =>
      page.evaluate(
        async ([name, label]) => {
          const samples = await (globalThis as unknown as Scope).fedloom.storedSamples(name);
          await samples.add({ x: Float32Array.of(label, 2), y: label });
        },
        [name, label] as const,
      );
    const kept = (name: string) =>
      page.evaluate(async (name) => {
        const { splitOf, storedSamples } = (globalThis as unknown as Scope).fedloom;
        const all = (await storedSamples(name)).all();
        return all.length === 0 ? undefined : { ...splitOf(all), x: Array.from(splitOf(all).x as Float32Array) };
      }, name);
    for (const label of [3, 1, 2]) await add('mine', label);
    await add('other', 7);
    await page.reload();
    await page.waitForFunction('globalThis.fedloom');
    expect(await kept('mine')).toEqual({ x: [3, 2, 1, 2, 2, 2], y: [3, 1, 2] });
    await page.evaluate(async () => (await (globalThis as unknown as Scope).fedloom.storedSamples('mine')).clear());
    expect(await kept('mine')).toBeUndefined();
    expect(await kept('other')).toEqual({ x: [7, 2], y: [7] });
  });

  it('keeps samples that come at once, as they were, and refuses what is unlike those of another tab', async () => {
    const page = await openPage(browser);
    const found = await page.evaluate(`(async () => {
      const [one, other] = [await fedloom.storedSamples('quick'), await fedloom.storedSamples('quick')];
      const x = Uint8Array.of(5);
      const adds = Array.from({ length: 40 }, (_, y) => (y % 2 ? one : other).add({ x, y }));
      await Promise.all(adds);
      x[0] = 9;
      const late = await fedloom.storedSamples('unlike');
      const early = await fedloom.storedSamples('unlike');
      await early.add({ x: Uint8Array.of(1), y: 0 });
      await early.add({ x: Uint8Array.of(1), y: 0 });
      const said = await late.add({ x: Uint8Array.of(1, 2), y: 0 }).then(() => '', ({ code, message }) => code + message);
      return {
        kept: (await fedloom.storedSamples('quick')).all().map(({ y }) => y),
        held: one.all().every(({ x }) => x[0] === 5),
        said,
        unlike: [late.all().length, (await fedloom.storedSamples('unlike')).all().length],
      };
    })()`);
    expect(found).toEqual({
      kept: Array.from({ length: 40 }, (_, y) => y),
      held: true,
      said: expect.stringMatching(/^browser\.samplesSample 2 is a Uint8Array of 2/),
      unlike: [0, 2],
    });
  });
});

async function openPage(browser: () => Promise<Browser>): Promise<Page> {
  const { page } = await ClientPage.open(await browser(), await hostPages());
  onTestFinished(() => page.close());
  return page;
}
