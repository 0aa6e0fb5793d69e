import { type JoinEvent, joinFederation, type PageClient, splitOf, storedSamples } from 'fedloom/browser';
import { Drawing, thumbnail } from './drawing.ts';

const CLASSES = 10;

// `?client=1` for a second page, `?server=wss://...` for a server elsewhere.
const given = new URLSearchParams(location.search);
const client = Number(given.get('client') ?? 0);
const server = given.get('server') ?? 'ws://localhost:8080';

/** They are there again when the page is loaded again. */
const kept = await storedSamples('digits');
const drawing = new Drawing(find('drawing', HTMLCanvasElement), () => void guess());
const buttons = { join: button('join'), pause: button('pause'), leave: button('leave') };
let taking: PageClient | undefined;
let trained = 0;
let paused = false;

for (let digit = 0; digit < CLASSES; digit += 1) {
  const label = Object.assign(document.createElement('button'), { type: 'button', textContent: `${digit}` });
  label.addEventListener('click', () => void keep(digit));
  find('labels').append(label);
  find('guess').append(Object.assign(document.createElement('li'), { textContent: `${digit}` }));
}
button('clear').addEventListener('click', () => drawing.clear());
button('forget').addEventListener('click', () => void forget());
buttons.join.addEventListener('click', () => void takePart());
buttons.pause.addEventListener('click', () => {
  paused = !paused;
  if (paused) taking?.pause();
  else taking?.resume();
  buttons.pause.textContent = paused ? 'Resume' : 'Pause';
});
buttons.leave.addEventListener('click', () => void taking?.leave());
showKept();

async function keep(label: number): Promise<void> {
  const image = drawing.image();
  if (image === undefined) return say('Draw a digit first.');
  await kept.add({ x: image, y: label });
  drawing.clear();
  showKept();
}

async function forget(): Promise<void> {
  await kept.clear();
  showKept();
}

function showKept(): void {
  const all = kept.all();
  find('kept').replaceChildren(...all.map(({ x }) => thumbnail(x)));
  find('count').textContent =
    all.length === 0 ? 'No drawings yet' : all.length === 1 ? '1 drawing' : `${all.length} drawings`;
  button('forget').disabled = all.length === 0;
  buttons.join.disabled = all.length === 0 || taking !== undefined;
}

async function takePart(): Promise<void> {
  say('Connecting …');
  taking = joinFederation(server, {
    clients: [{ from: client, count: 1 }],
    data: { train: splitOf(kept.all()) },
    runtime: '/onnxruntime/',
    inference: '/inference.onnx',
    onEvent: tell,
  });
  buttons.join.disabled = true;
  buttons.pause.disabled = false;
  buttons.leave.disabled = false;
  try {
    const finish = await taking.finished;
    say(
      finish === undefined
        ? 'You have left.'
        : `The run is over: you trained ${trained} times. Draw, and see what was learned.`,
    );
    // What has left predicts no more, and may take part again.
    if (finish === undefined) taking = undefined;
  } catch (error) {
    taking = undefined;
    say(error instanceof Error ? error.message : String(error));
  }
  buttons.join.disabled = taking !== undefined;
  buttons.pause.disabled = true;
  buttons.leave.disabled = true;
}

function tell(event: JoinEvent): void {
  if (event.type === 'joined') say(`Taking part as client ${client} of ${event.clients}.`);
  if (event.type === 'retrying') say(`No server yet: ${event.reason}`);
  if (event.type !== 'trained') return;
  trained += 1;
  say(`Trained ${trained} times on your drawings.`);
  void guess();
}

/** What the newest model thinks of the drawing. */
async function guess(): Promise<void> {
  const image = drawing.image();
  if (image === undefined || taking === undefined) return;
  const predicted = await taking.predict(image).catch(() => undefined);
  if (predicted?.probabilities === undefined) return;
  for (const [digit, bar] of [...find('guess').children].entries()) {
    const likely = Number(predicted.probabilities.data[digit]);
    if (bar instanceof HTMLElement) bar.style.setProperty('--likely', `${100 * likely}%`);
  }
}

function say(text: string): void {
  find('status').textContent = text;
}

function button(id: string): HTMLButtonElement {
  return find(id, HTMLButtonElement);
}

function find(id: string): HTMLElement;
function find<E extends HTMLElement>(id: string, kind: new () => E): E;
function find(id: string, kind: new () => HTMLElement = HTMLElement): HTMLElement {
  const element = document.getElementById(id);
  if (element instanceof kind) return element;
  throw new Error(`the page has no ${id}`);
}
