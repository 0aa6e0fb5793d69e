/** Data that a new project begins with. All of it is made up, the same for everybody, and drawn when the project is made. */
import { RandomStream } from '../../core/random.js';
import { encodePng } from '../../data/node/png.js';

const SEED = 0;
const PATIENTS = 1000;
const HOSPITALS = ['north', 'south', 'east', 'west'];
const PICTURES = 80;
const SIDE = 16;
const REVIEWS = 800;
const PRAISE = ['warm', 'friendly', 'fresh', 'quick', 'lovely', 'generous', 'quiet', 'fair'];
const BLAME = ['cold', 'rude', 'stale', 'slow', 'dirty', 'tiny', 'noisy', 'dear'];
const SUBJECTS = [
  'the coffee',
  'the soup',
  'the bread',
  'the waiter',
  'the room',
  'the table',
  'the cake',
  'the service',
];
const OPENINGS = ['we came on a sunday', 'a friend took us', 'it was raining', 'after the theatre', 'on the way home'];

/** Files by their paths within the project. */
export type Files = ReadonlyMap<string, string | Uint8Array>;

/** A table of patients of four hospitals, some of whom are ill; a few did not have their cholesterol measured. */
export function patients(): Files {
  const random = RandomStream.of(SEED, 'patients');
  const lines = Array.from({ length: PATIENTS }, () => {
    const hospital = random.integer(HOSPITALS.length);
    // The hospitals' patients are not alike, as they never are.
    const age = Math.min(89, Math.max(25, Math.round(49 + 4 * hospital + 11 * random.normal())));
    const sex = random.integer(2) === 0 ? 'f' : 'm';
    const pressure = Math.round(112 + 0.42 * age + 13 * random.normal());
    const cholesterol = Math.round(190 + 0.55 * age + 30 * random.normal());
    const smoker = random.next() < 0.3;
    const risk = 0.13 * (age - 55) + 0.07 * (pressure - 135) + 0.01 * (cholesterol - 220) + (smoker ? 2.2 : -0.9);
    const ill = risk + random.normal() > 0;
    const measured = random.next() < 0.97 ? cholesterol : '';
    return [age, sex, pressure, measured, smoker ? 'yes' : 'no', HOSPITALS[hospital], ill ? 'ill' : 'healthy'].join(
      ',',
    );
  });
  const header = 'age,sex,pressure,cholesterol,smoker,hospital,outcome';
  return new Map([['patients.csv', `${[header, ...lines].join('\n')}\n`]]);
}

/** What guests of cafés wrote, most of it all praise or all blame. */
export function reviews(): Files {
  const random = RandomStream.of(SEED, 'reviews');
  const oneOf = (words: readonly string[]) => words[random.integer(words.length)] ?? '';
  const lines = Array.from({ length: REVIEWS }, () => {
    const liked = random.integer(2) === 1;
    const said = Array.from({ length: 2 + random.integer(2) }, () => {
      // Nobody likes everything.
      const words = random.next() < 0.85 === liked ? PRAISE : BLAME;
      return `${oneOf(SUBJECTS)} was ${oneOf(words)}`;
    });
    return `"${[oneOf(OPENINGS), ...said].join(', ')}",${liked ? 'liked' : 'disliked'}`;
  });
  return new Map([['reviews.csv', `${['review,verdict', ...lines].join('\n')}\n`]]);
}

/** Whether a point lies on the shape; all lengths in pixels, from the shape's middle. */
type Shape = (x: number, y: number, radius: number) => boolean;

const SHAPES: Readonly<Record<string, Shape>> = {
  circle: (x, y, radius) => Math.abs(Math.hypot(x, y) - radius) < 0.9,
  cross: (x, y, radius) => Math.min(Math.abs(x), Math.abs(y)) < 0.9 && Math.max(Math.abs(x), Math.abs(y)) <= radius,
  square: (x, y, radius) => Math.abs(Math.max(Math.abs(x), Math.abs(y)) - radius) < 0.9,
};

/** Circles, crosses and squares with noise, as grey PNG files in a folder for each. */
export function pictures(): Files {
  const random = RandomStream.of(SEED, 'pictures');
  const files = new Map<string, Uint8Array>();
  for (const [name, shape] of Object.entries(SHAPES)) {
    for (let number = 1; number <= PICTURES; number += 1) {
      const file = `pictures/${name}/${String(number).padStart(2, '0')}.png`;
      files.set(file, encodePng({ channels: 1, height: SIDE, width: SIDE, pixels: drawn(shape, random) }));
    }
  }
  return files;
}

function drawn(shape: Shape, random: RandomStream): Uint8Array {
  const radius = 3.5 + 2 * random.next();
  const [left, top] = [SIDE / 2 + 2 * random.next() - 1.5, SIDE / 2 + 2 * random.next() - 1.5];
  return Uint8Array.from({ length: SIDE * SIDE }, (_, at) => {
    const light = shape((at % SIDE) - left, Math.floor(at / SIDE) - top, radius) ? 190 : 50;
    return Math.min(255, Math.max(0, Math.round(light + 20 * random.normal())));
  });
}
