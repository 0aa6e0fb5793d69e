import { FedloomError } from '@fedloom/engine/base';

/** What a browser draws on a canvas: a canvas, an image, a video. */
export interface PictureSource {
  readonly width: number;
  readonly height: number;
}

/** How large a picture is to be, in pixels, and what of it is taken. */
export interface PictureOptions {
  readonly width: number;
  readonly height: number;
  /**
   * `gray`: 0.299 red + 0.587 green + 0.114 blue, rounded, as data sets of `images` have it; `rgb`: all red, then all green, then all blue.
   * Default `gray`.
   */
  readonly channels?: 'gray' | 'rgb';
}

/** How large what was drawn is to be, in pixels. */
export interface DrawnOptions {
  readonly width: number;
  readonly height: number;
  /** Pixels at every side that stay empty: 4 of MNIST's 28. Default 0. */
  readonly margin?: number;
}

interface Area {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** What images, videos and frames of videos say of their pixels. */
type Intrinsic = PictureSource &
  Partial<
    Record<'naturalWidth' | 'naturalHeight' | 'videoWidth' | 'videoHeight' | 'displayWidth' | 'displayHeight', number>
  >;

interface Context {
  imageSmoothingQuality: 'high';
  drawImage(source: unknown, ...place: readonly number[]): void;
  getImageData(left: number, top: number, width: number, height: number): { readonly data: Uint8ClampedArray };
}

interface Platform {
  readonly OffscreenCanvas: new (
    width: number,
    height: number,
  ) => { getContext(kind: '2d', options: { readonly willReadFrequently: true }): Context | null };
  createImageBitmap(file: unknown): Promise<PictureSource & { close(): void }>;
}

const platform = globalThis as unknown as Platform;
/** Red, green, blue and opacity. */
const BYTES_EACH = 4;

/**
 * A canvas as a sample: brought to the size that the model takes, on black where it is transparent.
 * @returns uint8 `[channels, height, width]`
 * @throws FedloomError `browser.picture`
 */
export function fromCanvas(canvas: PictureSource, options: PictureOptions): Uint8Array {
  const { width, height, channels = 'gray' } = options;
  checkSize(width, height);
  if (channels !== 'gray' && channels !== 'rgb') {
    throw wrongPicture(`The channels '${String(channels)}' are unknown: give 'gray' or 'rgb'.`);
  }
  const pixels = scaled(canvas, wholeOf(canvas), options, options);
  return channels === 'rgb' ? inColours(pixels, width * height) : inGray(pixels, width * height);
}

/**
 * A picture in a file of any kind that the browser knows, as a sample. What it shows may differ in some last bits from what Node reads of
 * the same file, since decoders and scaling differ.
 * @param file a `File` or `Blob`
 * @returns uint8 `[channels, height, width]`
 * @throws FedloomError `browser.picture`, naming the file
 */
export async function fromPicture(file: object, options: PictureOptions): Promise<Uint8Array> {
  checkSize(options.width, options.height);
  const { name = 'it' } = file as { readonly name?: string };
  let picture: PictureSource & { close(): void };
  try {
    picture = await platform.createImageBitmap(file);
  } catch (cause) {
    throw wrongPicture(
      `${name} is no picture that this browser reads: ${cause instanceof Error ? cause.message : String(cause)}.`,
      cause,
    );
  }
  try {
    return fromCanvas(picture, options);
  } finally {
    picture.close();
  }
}

/**
 * What was drawn on a transparent canvas, in whatever colour: cut out and put in the middle, in its proportions, as MNIST has its digits.
 * @returns uint8 `[height, width]`, 255 where it is opaque; undefined where nothing was drawn
 * @throws FedloomError `browser.picture`
 */
export function fromDrawing(
  canvas: PictureSource,
  { width, height, margin = 0 }: DrawnOptions,
): Uint8Array | undefined {
  checkSize(width, height);
  if (!(margin >= 0 && 2 * margin < Math.min(width, height))) {
    throw wrongPicture(`A margin of ${margin} leaves nothing of ${width} x ${height} pixels: give a smaller one.`);
  }
  const whole = wholeOf(canvas);
  const drawn = drawnArea(scaled(canvas, whole, whole, whole), whole.width);
  if (drawn === undefined) return undefined;
  const scale = Math.min((width - 2 * margin) / drawn.width, (height - 2 * margin) / drawn.height);
  const size = { width: drawn.width * scale, height: drawn.height * scale };
  return opacity(scaled(canvas, drawn, { width, height }, size), width * height);
}

/** An area of the source, brought to a size, in the middle of a picture. */
function scaled(
  source: PictureSource,
  area: Area,
  { width, height }: PictureSource,
  size: PictureSource,
): Uint8ClampedArray {
  const context = new platform.OffscreenCanvas(width, height).getContext('2d', { willReadFrequently: true });
  if (context === null) throw wrongPicture('This browser has no canvas to draw on.');
  context.imageSmoothingQuality = 'high';
  const to = [(width - size.width) / 2, (height - size.height) / 2, size.width, size.height] as const;
  try {
    context.drawImage(source, area.left, area.top, area.width, area.height, ...to);
    return context.getImageData(0, 0, width, height).data;
  } catch (cause) {
    throw wrongPicture(
      `The browser gives no pixels of this picture: ${cause instanceof Error ? cause.message : String(cause)}. Images of other origins must be loaded with CORS.`,
      cause,
    );
  }
}

/** In pixels of its own: the width and height of images and videos are those at which the page shows them. */
function wholeOf(source: PictureSource): Area {
  const { naturalWidth, naturalHeight, videoWidth, videoHeight, displayWidth, displayHeight } = source as Intrinsic;
  const width = naturalWidth ?? videoWidth ?? displayWidth ?? source.width;
  const height = naturalHeight ?? videoHeight ?? displayHeight ?? source.height;
  if (width > 0 && height > 0) return { left: 0, top: 0, width, height };
  throw wrongPicture(`The picture has ${width} x ${height} pixels: wait until it is loaded.`);
}

function drawnArea(pixels: Uint8ClampedArray, width: number): Area | undefined {
  let [left, right, top, bottom] = [width, -1, -1, -1];
  for (let at = 0; BYTES_EACH * at < pixels.length; at += 1) {
    if (pixels[BYTES_EACH * at + 3] === 0) continue;
    const [x, y] = [at % width, Math.floor(at / width)];
    left = Math.min(left, x);
    right = Math.max(right, x);
    if (top < 0) top = y;
    bottom = y;
  }
  return right < 0 ? undefined : { left, top, width: right - left + 1, height: bottom - top + 1 };
}

function inGray(pixels: Uint8ClampedArray, count: number): Uint8Array {
  const [red, green, blue] = [0, 1, 2].map((channel) => onBlack(pixels, count, channel)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  return Uint8Array.from(red, (value, at) =>
    Math.round(0.299 * value + 0.587 * (green[at] ?? 0) + 0.114 * (blue[at] ?? 0)),
  );
}

function inColours(pixels: Uint8ClampedArray, count: number): Uint8Array {
  const colours = new Uint8Array(3 * count);
  for (let channel = 0; channel < 3; channel += 1) {
    colours.set(onBlack(pixels, count, channel).map(Math.round), channel * count);
  }
  return colours;
}

function onBlack(pixels: Uint8ClampedArray, count: number, channel: number): Float64Array {
  return Float64Array.from(
    { length: count },
    (_, at) => ((pixels[BYTES_EACH * at + channel] ?? 0) * (pixels[BYTES_EACH * at + 3] ?? 0)) / 255,
  );
}

function opacity(pixels: Uint8ClampedArray, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, at) => pixels[BYTES_EACH * at + 3] ?? 0);
}

function checkSize(width: unknown, height: unknown): void {
  if ([width, height].every((side) => Number.isSafeInteger(side) && (side as number) > 0)) return;
  throw wrongPicture(
    `A picture of ${width} x ${height} pixels was asked for: give width and height as whole numbers above 0.`,
  );
}

function wrongPicture(message: string, cause?: unknown): FedloomError {
  return new FedloomError('browser.picture', message, {}, { cause });
}
