/** Images of MNIST: white on black, 28 pixels wide, the digit in the middle 20. */
export const SIDE = 28;
const INNER = 20;
const PEN = 18;

/** What somebody draws with a finger or a mouse. */
export class Drawing {
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;

  constructor(canvas: HTMLCanvasElement, onChange: () => void) {
    this.#canvas = canvas;
    this.#context = contextOf(canvas);
    Object.assign(this.#context, { lineWidth: PEN, lineCap: 'round', lineJoin: 'round', strokeStyle: '#fff' });
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#context.beginPath();
      this.#lineTo(event);
    });
    canvas.addEventListener('pointermove', (event) => {
      if (canvas.hasPointerCapture(event.pointerId)) this.#lineTo(event);
    });
    canvas.addEventListener('pointerup', onChange);
    this.clear();
  }

  clear(): void {
    this.#context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
  }

  /** As MNIST has it: the digit cut out, 20 pixels at most, in the middle. Undefined where nothing is drawn. */
  image(): Uint8Array | undefined {
    const { width, height } = this.#canvas;
    const alpha = alphaOf(this.#context, width, height);
    const lit = Array.from(alpha.keys()).filter((at) => (alpha[at] ?? 0) > 0);
    if (lit.length === 0) return undefined;
    const [left, right] = extent(lit.map((at) => at % width));
    const [top, bottom] = extent(lit.map((at) => Math.floor(at / width)));
    const [wide, high] = [right - left + 1, bottom - top + 1];
    const scale = INNER / Math.max(wide, high);
    const small = new OffscreenCanvas(SIDE, SIDE).getContext('2d');
    if (small === null) throw new Error('this browser has no canvas');
    small.imageSmoothingQuality = 'high';
    const [toWide, toHigh] = [wide * scale, high * scale];
    small.drawImage(this.#canvas, left, top, wide, high, (SIDE - toWide) / 2, (SIDE - toHigh) / 2, toWide, toHigh);
    return alphaOf(small, SIDE, SIDE);
  }

  #lineTo({ offsetX, offsetY }: PointerEvent): void {
    const scale = this.#canvas.width / this.#canvas.clientWidth;
    this.#context.lineTo(offsetX * scale, offsetY * scale);
    this.#context.stroke();
  }
}

/** A small picture of an image. */
export function thumbnail(image: Uint8Array): HTMLCanvasElement {
  const canvas = Object.assign(document.createElement('canvas'), { width: SIDE, height: SIDE });
  const pixels = new ImageData(SIDE, SIDE);
  for (const [at, value] of image.entries()) pixels.data.set([value, value, value, 255], 4 * at);
  contextOf(canvas).putImageData(pixels, 0, 0);
  return canvas;
}

function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) throw new Error('this browser has no canvas');
  return context;
}

function alphaOf(
  context: CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D,
  width: number,
  height: number,
): Uint8Array {
  const { data } = context.getImageData(0, 0, width, height);
  return Uint8Array.from({ length: width * height }, (_, at) => data[4 * at + 3] ?? 0);
}

function extent(values: readonly number[]): [number, number] {
  return values.reduce<[number, number]>(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
}
