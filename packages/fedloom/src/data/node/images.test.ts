import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { FedloomError } from '@fedloom/engine';
import jpeg from 'jpeg-js';
import { PNG } from 'pngjs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { images } from './images.js';
import type { ImagesOptions } from './images-options.js';
import { encodePng } from './png.js';

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'fedloom-images-'));
});
afterEach(() => rm(dir, { recursive: true }));

async function write(name: string, bytes: Uint8Array | string): Promise<void> {
  await mkdir(dirname(join(dir, name)), { recursive: true });
  await writeFile(join(dir, name), bytes);
}

/** 2 rows of 3 pixels. */
const plane = (from: number) => Array.from({ length: 6 }, (_, at) => from + at);
const colour = (from: number) =>
  encodePng({
    channels: 3,
    height: 2,
    width: 3,
    pixels: Uint8Array.from([plane(from), plane(from + 50), plane(from + 100)].flat()),
  });
const grey = (from: number) => encodePng({ channels: 1, height: 2, width: 3, pixels: Uint8Array.from(plane(from)) });
const jpegOf = (height: number, width: number, value: number) =>
  jpeg.encode({ height, width, data: Buffer.alloc(4 * height * width, value) }, 90).data;

const options: ImagesOptions = { size: [2, 3] };

async function errorOf(of: ImagesOptions = options): Promise<FedloomError> {
  const error = await images(dir, of)
    .load('train')
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );
  if (error instanceof FedloomError) return error;
  throw error ?? new Error('the folder passed');
}

describe('images', () => {
  it('are uint8 by channels, with the classes of their subfolders, in the order of names', async () => {
    await write('photos/dog/b.png', colour(10));
    await write('photos/dog/a.PNG', grey(100));
    await write('photos/cat/z.png', colour(1));
    await write('photos/cat/.DS_Store', 'of the Finder');
    const data = images('photos', options).inFolder(dir);
    expect([data.name, data.learned]).toEqual(['photos', ['classes by the names of the subfolders']]);
    const { x, y, encoding } = await data.spec();
    expect([x, y]).toEqual([
      { dtype: 'uint8', shape: [3, 2, 3], scale: 1 / 255 },
      { dtype: 'int32', shape: [], classes: 2 },
    ]);
    const train = await data.load('train');
    expect(train.x.shape).toEqual([3, 3, 2, 3]);
    expect([...train.y.data]).toEqual([0, 1, 1]);
    const flat = (from: number) => [plane(from), plane(from + 50), plane(from + 100)].flat();
    expect([...train.x.data]).toEqual([...flat(1), ...plane(100), ...plane(100), ...plane(100), ...flat(10)]);
    expect(train.x.data.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect((await data.load('test')).x.shape).toEqual([0, 3, 2, 3]);
    // The classes fixed by the task are the same data set; others are another.
    const fixed = images(join(dir, 'photos'), { ...options, classes: ['cat', 'dog'] });
    expect([(await fixed.spec()).encoding, fixed.learned]).toEqual([encoding, []]);
    const other = images(join(dir, 'photos'), { ...options, classes: ['dog', 'cat'] });
    expect((await other.spec()).encoding).not.toBe(encoding);
    expect([...(await other.load('train')).y.data]).toEqual([0, 0, 1]);
  });

  it('are grey by the weights of the eye', async () => {
    const bytes = encodePng({ channels: 3, height: 1, width: 2, pixels: Uint8Array.of(200, 9, 100, 9, 50, 9) });
    await write('a/1.png', bytes);
    const { x } = await images(dir, { size: [1, 2], channels: 1 }).load('train');
    expect([x.shape, [...x.data]]).toEqual([
      [1, 1, 1, 2],
      [Math.round(0.299 * 200 + 0.587 * 100 + 0.114 * 50), 9],
    ]);
  });

  it('are JPEG too, whatever the file is called, and PNG of 16 bits and with opacity', async () => {
    await write('a/1.jpg', jpegOf(2, 3, 120));
    await write('a/2.jpeg.png', jpegOf(2, 3, 60));
    const png = new PNG({ width: 3, height: 2 });
    png.data.fill(30);
    await write('a/3.png', PNG.sync.write(png));
    await write('a/4.png', PNG.sync.write(png, { bitDepth: 16, inputHasAlpha: true }));
    const { x } = await images(dir, options).load('train');
    const firsts = [0, 1, 2].map((row) => x.data[row * 18] as number);
    for (const [at, wanted] of [120, 60, 30].entries()) expect(Math.abs((firsts[at] ?? 0) - wanted)).toBeLessThan(4);
  });

  it('hold out a share, or take tests from another folder with the same classes', async () => {
    for (let at = 0; at < 8; at++) await write(`all/${at % 2 === 0 ? 'a' : 'b'}/${at}.png`, grey(10 * at));
    await write('tests/b/1.png', grey(7));
    const firsts = async (test: ImagesOptions['test'], split: 'train' | 'test') => {
      const { x, y } = await images(join(dir, 'all'), { ...options, ...(test && { test }) }).load(split);
      return Array.from(y.data, Number).map((label, row) => [label, Number(x.data[row * 18])] as const);
    };
    const [train, test] = [
      await firsts({ share: 0.25, seed: 1 }, 'train'),
      await firsts({ share: 0.25, seed: 1 }, 'test'),
    ];
    expect([train.length, test.length]).toEqual([6, 2]);
    expect(new Set([...train, ...test].map(([, first]) => first)).size).toBe(8);
    for (const [label, first] of [...train, ...test]) expect(label).toBe((first / 10) % 2);
    expect(await firsts(join(dir, 'tests'), 'test')).toEqual([[1, 7]]);
  });

  it('are scaled where the task says so', async () => {
    await write('a/1.png', grey(10));
    await write('a/2.png', encodePng({ channels: 1, height: 4, width: 6, pixels: new Uint8Array(24).fill(90) }));
    const { x } = await images(dir, { ...options, resize: true }).load('train');
    expect(x.shape).toEqual([2, 3, 2, 3]);
    expect(Array.from(x.data.slice(0, 6), Number)).toEqual(plane(10));
    expect(new Set(Array.from(x.data.slice(18), Number))).toEqual(new Set([90]));
  });

  it.each<[string, RegExp, Readonly<Record<string, Uint8Array | string>>, Partial<ImagesOptions>?]>([
    [
      'data.image',
      /a\/1\.png is 4 x 2 pixels \(height x width\), but size says 2 x 3\. With resize: true/,
      { 'a/1.png': encodePng({ channels: 1, height: 4, width: 2, pixels: new Uint8Array(8) }) },
    ],
    ['data.image', /a\/1\.png is a broken picture/, { 'a/1.png': colour(1).subarray(0, 60) }],
    ['data.image', /a\/1\.png is a broken picture/, { 'a/1.png': colour(1).subarray(0, 10) }],
    ['data.image', /a\/1\.jpg is a broken picture/, { 'a/1.jpg': jpegOf(2, 3, 9).subarray(0, 300) }],
    [
      'data.image',
      /a\/notes\.txt is neither a JPEG nor a PNG picture/,
      { 'a/1.png': grey(1), 'a/notes.txt': 'of mine' },
    ],
    ['data.image', /a\/1\.png is neither a JPEG nor a PNG/, { 'a/1.png': '' }],
    ['data.folder', /1\.png lies in no subfolder, and so has no class/, { '1.png': grey(1) }],
    ['data.folder', /1\.png lies in no subfolder/, { '1.png': grey(1), 'a/1.png': grey(1) }],
    ['data.folder', /holds another folder, "b"/, { 'a/b/1.png': grey(1) }],
    ['data.folder', /is empty\. It must hold a subfolder of pictures for each class/, {}],
    [
      'data.folder',
      /has a subfolder "dog", which is no class\. Did you mean "dogs"\?/,
      { 'dog/1.png': grey(1) },
      { classes: ['cat', 'dogs'] },
    ],
    ['data.empty', /of 1 samples none can be held out/, { 'dog/1.png': grey(1) }, { test: { share: 0.5 } }],
  ])('are refused with %s: %s', async (code, message, files, more = {}) => {
    for (const [name, bytes] of Object.entries(files)) await write(name, bytes);
    const error = await errorOf({ ...options, ...more });
    expect(error.message).toMatch(message);
    expect(error.code).toBe(code);
  });

  it('are refused where there are only empty subfolders', async () => {
    await mkdir(join(dir, 'cat'));
    expect((await errorOf()).message).toMatch(/holds no pictures in its subfolders/);
  });

  it('that claim to be enormous are refused before they are decoded', async () => {
    const bytes = Buffer.from(colour(1));
    bytes.writeUInt32BE(100_000, 16);
    bytes.writeUInt32BE(100_000, 20);
    await write('a/1.png', bytes);
    expect((await errorOf()).message).toMatch(/claims 100000 x 100000 pixels, which is too large/);
  });

  it('say where a folder is not', async () => {
    const error = await images('nowhere', options)
      .inFolder(dir)
      .spec()
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'data.file', message: expect.stringContaining(join(dir, 'nowhere')) });
  });

  it.each<[RegExp, unknown]>([
    [/size is missing; it must be height and width/, {}],
    [/size must be height and width/, { size: 32 }],
    [/channels must be 1 or 3\./, { size: [2, 3], channels: 4 }],
    [/there is no option chanels\. Did you mean "channels"/, { size: [2, 3], chanels: 3 }],
    [/classes must be a list/, { size: [2, 3], classes: [] }],
    [/resize must be true or false/, { size: [2, 3], resize: 'yes' }],
    [/test\.share must lie between/, { size: [2, 3], test: { share: 1 } }],
  ])('refuse options at once: %s', (message, wrong) => {
    expect(() => images('x', wrong as ImagesOptions)).toThrow(message);
  });
});
