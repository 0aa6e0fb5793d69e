import type { Pixels } from './pictures.js';

/**
 * A picture scaled to another size, each axis by itself: each pixel is the mean of those below it, weighted by a triangle which is as
 * wide as the step between new pixels, at least one old pixel. So shrinking does not alias, and enlarging is bilinear interpolation,
 * as by Pillow's `BILINEAR`. In float64, rounded once: the same on every platform.
 */
export function resized(picture: Pixels, height: number, width: number): Pixels {
  const across = weights(picture.width, width);
  const down = weights(picture.height, height);
  const rows = new Float64Array(picture.height * width * 4);
  for (let y = 0; y < picture.height; y++) {
    for (const [x, { from, parts }] of across.entries()) {
      for (let channel = 0; channel < 4; channel++) {
        let sum = 0;
        for (const [at, part] of parts.entries()) {
          sum += part * (picture.rgba[4 * (y * picture.width + from + at) + channel] ?? 0);
        }
        rows[4 * (y * width + x) + channel] = sum;
      }
    }
  }
  const rgba = new Uint8Array(height * width * 4);
  for (const [y, { from, parts }] of down.entries()) {
    for (let place = 0; place < 4 * width; place++) {
      let sum = 0;
      for (const [at, part] of parts.entries()) sum += part * (rows[4 * (from + at) * width + place] ?? 0);
      rgba[4 * y * width + place] = Math.min(255, Math.max(0, Math.round(sum)));
    }
  }
  return { height, width, rgba };
}

/** For each new place the old ones that it is made of, from the first, and how much of each; together 1. */
function weights(before: number, after: number): { readonly from: number; readonly parts: readonly number[] }[] {
  const step = before / after;
  const reach = Math.max(1, step);
  return Array.from({ length: after }, (_, place) => {
    const centre = (place + 0.5) * step;
    const from = Math.max(0, Math.floor(centre - reach + 0.5));
    const to = Math.min(before, Math.floor(centre + reach + 0.5));
    const raw = Array.from({ length: to - from }, (_each, at) =>
      Math.max(0, 1 - Math.abs((from + at + 0.5 - centre) / reach)),
    );
    const total = raw.reduce((sum, part) => sum + part, 0);
    return { from, parts: raw.map((part) => part / total) };
  });
}
