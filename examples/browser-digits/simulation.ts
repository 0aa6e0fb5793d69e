import type { NamedTensors } from 'fedloom';
import { type Run, simulate } from 'fedloom/browser/simulate';
import arms, { ARMS, points } from './arms.ts';

const ROUNDS = 40;
const COLOURS = ['#3b7dd8', '#e0803a', '#2f9e62'];
/** Of the plane that is shown, from its middle. */
const REACH = 1.1;
/** Pixels of the ground that are one. */
const GRAIN = 4;

const plane = find('plane', HTMLCanvasElement);
const line = find('chart').querySelector('polyline');
const start = find('start', HTMLButtonElement);
const stop = find('stop', HTMLButtonElement);
const { x: places, y: kinds } = points(300, 'train');
let run: Run | undefined;

start.addEventListener('click', () => void begin());
stop.addEventListener('click', () => run?.cancel());
draw(undefined);

async function begin(): Promise<void> {
  start.disabled = true;
  stop.disabled = false;
  say('Starting ONNX Runtime …');
  const accuracies: number[] = [];
  try {
    const size = { clients: 10, clientsPerRound: 5, rounds: ROUNDS, seed: 1 };
    run = simulate(arms, { ...size, runtime: '/onnxruntime/', checkpoint: (_round, model) => draw(model) });
    for await (const { round, metrics } of run) {
      accuracies.push(Number(metrics?.accuracy));
      chart(accuracies);
      say(`Round ${round + 1} of ${ROUNDS}: ${percent(accuracies.at(-1))} of points that nobody trained on.`);
    }
    say(`The run is over: ${percent(accuracies.at(-1))} of points that nobody trained on are right.`);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  }
  start.disabled = false;
  stop.disabled = true;
}

/** The ground as the model sees it, and the points on it. */
function draw(model: NamedTensors | undefined): void {
  const context = plane.getContext('2d');
  if (context === null) throw new Error('this browser has no canvas');
  const { width } = plane;
  const [toPixels, toPlane] = [
    (at: number) => ((at / REACH + 1) / 2) * width,
    (pixel: number) => ((2 * pixel) / width - 1) * REACH,
  ];
  context.clearRect(0, 0, width, width);
  if (model !== undefined) {
    const kindAt = kindsOf(model);
    context.globalAlpha = 0.35;
    for (let top = 0; top < width; top += GRAIN) {
      for (let left = 0; left < width; left += GRAIN) {
        context.fillStyle = COLOURS[kindAt(toPlane(left + GRAIN / 2), toPlane(top + GRAIN / 2))] ?? '#000';
        context.fillRect(left, top, GRAIN, GRAIN);
      }
    }
    context.globalAlpha = 1;
  }
  for (const [at, [x, y]] of places.entries()) {
    context.fillStyle = COLOURS[kinds[at] ?? 0] ?? '#000';
    context.beginPath();
    context.arc(toPixels(x), toPixels(y), 2.5, 0, 2 * Math.PI);
    context.fill();
  }
}

/** What the model of `arms.ts` computes: a hidden layer with tanh, and a number for each kind. */
function kindsOf(model: NamedTensors): (x: number, y: number) => number {
  const numbers = (name: string) => {
    const parameter = model.get(name);
    if (parameter === undefined) throw new Error(`the model has no ${name}`);
    return Array.from(parameter.data, Number);
  };
  const [inner, innerBias, outer, outerBias] = [
    numbers('0.weight'),
    numbers('0.bias'),
    numbers('2.weight'),
    numbers('2.bias'),
  ];
  const hidden = innerBias.length;
  return (x, y) => {
    const values = innerBias.map((bias, at) =>
      Math.tanh(bias + x * (inner[2 * at] ?? 0) + y * (inner[2 * at + 1] ?? 0)),
    );
    const scores = Array.from({ length: ARMS }, (_, kind) =>
      values.reduce((sum, value, at) => sum + value * (outer[kind * hidden + at] ?? 0), outerBias[kind] ?? 0),
    );
    return scores.indexOf(Math.max(...scores));
  };
}

function chart(accuracies: readonly number[]): void {
  const corners = accuracies.map((value, at) => `${(400 * (at + 1)) / ROUNDS},${100 * (1 - value)}`);
  line?.setAttribute('points', corners.join(' '));
}

function percent(share: number | undefined): string {
  return `${(100 * (share ?? 0)).toFixed(0)} %`;
}

function say(text: string): void {
  find('status').textContent = text;
}

function find(id: string): Element;
function find<E extends Element>(id: string, kind: new () => E): E;
function find(id: string, kind: new () => Element = Element): Element {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${id}`);
}
