import { fromDrawing } from 'fedloom/browser';

/** Images of MNIST: white on black, 28 pixels wide, the digit in the middle 20. */
export const SIDE = 28;
const MARGIN = 4;
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
    return fromDrawing(this.#canvas, { width: SIDE, height: SIDE, margin: MARGIN });
  }

  #lineTo({ offsetX, offsetY }: PointerEvent): void {
    const scale = this.#canvas.width / this.#canvas.clientWidth;
    this.#context.lineTo(offsetX * scale, offsetY * scale);
    this.#context.stroke();
  }
}

/** A small picture of an image. */
export function thumbnail(image: Iterable<unknown>): HTMLCanvasElement {
  const canvas = Object.assign(document.createElement('canvas'), { width: SIDE, height: SIDE });
  const pixels = new ImageData(SIDE, SIDE);
  for (const [at, value] of Array.from(image, Number).entries()) pixels.data.set([value, value, value, 255], 4 * at);
  contextOf(canvas).putImageData(pixels, 0, 0);
  return canvas;
}

function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const context = canvas.getContext('2d', { willReadFrequently: true });
  if (context === null) throw new Error('this browser has no canvas');
  return context;
}
