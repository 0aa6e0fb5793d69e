import { describe, expect, it } from 'vitest';
import { FieldProblem, fields, finite, integer, list, oneOf, optional, text, variants, where } from './fields.js';

const point = fields({ x: integer(0, 9), label: optional(text(1, 3)) });
const message = fields({
  points: list(
    where(point, ({ x }) => x !== 7, 'a point that is not 7'),
    1,
    3,
  ),
  loss: optional(finite()),
  work: variants('kind', {
    rest: fields({ kind: oneOf('rest') }),
    run: fields({ kind: oneOf('run'), speed: finite(0) }),
  }),
});
const good = { points: [{ x: 1 }, { x: 2, label: 'two' }], loss: 0.25, work: { kind: 'run', speed: 0.5 } };

function problem(value: unknown): string {
  try {
    message(value);
    return 'none';
  } catch (error) {
    if (!(error instanceof FieldProblem)) throw error;
    return `${error.path.join('.')}: ${error.message}`;
  }
}

describe('fields', () => {
  it('give back what they know, and nothing else', () => {
    expect(message(good)).toEqual(good);
    const foreign = JSON.parse('{ "extra": 1, "__proto__": { "polluted": true } }') as object;
    const read = message({ ...good, ...foreign, points: [{ x: 1, y: 2 }] });
    expect(read).toEqual({ ...good, points: [{ x: 1 }] });
    expect(Object.keys(read)).toEqual(['points', 'loss', 'work']);
  });

  it.each([
    [null, ': it must be an object'],
    [[], ': it must be an object'],
    [{ ...good, loss: Number.NaN }, 'loss: it must be a finite number'],
    [{ ...good, loss: undefined }, 'loss: it must be a finite number'],
    [{ ...good, points: [] }, 'points: it must be a list of 1 to 3'],
    [{ ...good, points: { length: 1, 0: { x: 1 } } }, 'points: it must be a list of 1 to 3'],
    [{ ...good, points: Object.assign(new Array(3), { 0: { x: 1 }, 2: { x: 2 } }) }, 'points.1: it must be an object'],
    [{ ...good, points: [{ x: 1 }, { x: 1.5 }] }, 'points.1.x: it must be a whole number from 0 to 9'],
    [{ ...good, points: [{ x: 7 }] }, 'points.0: it must be a point that is not 7'],
    [{ ...good, points: [{ x: 1, label: '' }] }, 'points.0.label: it must be a text of 1 to 3 characters'],
    [{ ...good, points: [{ x: 1, label: undefined }] }, 'points.0.label: it must be a text of 1 to 3 characters'],
    [{ ...good, work: { kind: 'sleep' } }, "work.kind: it must be 'rest' or 'run'"],
    [{ ...good, work: { kind: 'run', speed: -1 } }, 'work.speed: it must be a finite number of at least 0'],
  ])('refuse %j and tell where', (value, expected) => {
    expect(problem(value)).toBe(expected);
  });
});
