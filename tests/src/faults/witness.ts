import type { NamedTensors } from '@fedloom/engine';
import { sha256 } from '../../../packages/fedloom/dist/core/node/sha256.js';
import { decodeSafetensors, encodeSafetensors } from '../../../packages/fedloom/dist/core/safetensors.js';
import { decodeFrame } from '../../../packages/fedloom/dist/protocol/codec.js';
import type { Message, UpdateMessage } from '../../../packages/fedloom/dist/protocol/messages.js';
import { Durable } from './durable.js';
import type { SimulatedTime } from './simulated-time.js';
import type { Trained } from './training.js';

/** A training as the client's own code did it. */
export interface Training extends Trained {
  readonly from: NamedTensors;
  /** What the client kept before. */
  readonly before: NamedTensors;
}

/** Sees everything that happens, and keeps what the end is measured by. */
export class Witness {
  readonly problems: string[] = [];
  readonly faults = new Map<string, number>();
  readonly durable: Durable;
  /** By client, task and hash of the base: what honest clients made; several only where private state was lost between. */
  readonly trainings = new Map<string, Training[]>();
  /** The same for what honest clients sent: bodies as they left. */
  readonly bodies = new Map<string, NamedTensors[]>();
  /** Clients whose private state was lost with their process. */
  readonly forgetful = new Set<number>();
  /** Clients with a line that did not carry what was sent, each frame once: their end may refuse to go on. */
  readonly falsified = new Set<string>();
  readonly lines: string[] = [];
  /** Of all that happened, in its order: equal for equal seeds. */
  fingerprint = 0x811c9dc5;

  constructor(
    private readonly time: SimulatedTime,
    private readonly keepsTrace: boolean,
  ) {
    this.durable = new Durable((problem) => this.problem(problem));
  }

  trace(who: string, what: string): void {
    const line = `${this.time.nowMs.toFixed(3)} ${who}: ${what}`;
    for (let i = 0; i < line.length; i += 1) {
      this.fingerprint = Math.imul(this.fingerprint ^ line.charCodeAt(i), 0x01000193);
    }
    if (this.keepsTrace) this.lines.push(line);
  }

  problem(text: string): void {
    this.trace('PROBLEM', text);
    this.problems.push(text);
  }

  fault(kind: string, where: string): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1);
    this.trace('fault', `${kind} ${where}`);
  }

  trained(client: number, task: number, training: Training, broadcast: NamedTensors): void {
    const key = keyOf(client, task, sha256(encodeSafetensors(new Map([...training.from, ...broadcast]))));
    this.#checkState(client, task, training);
    add(this.trainings, key, training, (a, b) => same(a.params, b.params) && same(a.state, b.state));
  }

  /** What a client's process sends, before anybody changes it. */
  ofClient(): (frame: Uint8Array) => void {
    /** Bodies on their way in chunks, by their streams. */
    const coming = new Map<number, { readonly message: UpdateMessage; readonly body: Uint8Array; bytes: number }>();
    return (frame) => {
      const read = decodeFrame(frame);
      if (read.kind === 'chunk') {
        const body = coming.get(read.stream);
        if (body === undefined) return;
        body.body.set(read.payload, read.offset);
        body.bytes += read.payload.length;
        if (body.bytes === body.body.length) this.#sent(body.message, body.body);
        return;
      }
      const message = read.message as Message;
      this.trace('client', message.type);
      if (message.type !== 'update') return;
      if (read.kind === 'inline') this.#sent(message, read.body.slice());
      else if (read.body !== undefined) {
        coming.set(read.body.stream, { message, body: new Uint8Array(read.body.bytes), bytes: 0 });
      }
    };
  }

  /** What the server says must be so on the disk. */
  ofServer(): (frame: Uint8Array) => void {
    return (frame) => {
      if (frame[0] !== 1) return;
      const message = JSON.parse(new TextDecoder().decode(frame.subarray(1))) as Message;
      this.trace('server', `${message.type} ${'clients' in message ? JSON.stringify(message.clients) : ''}`);
      if (message.type === 'settled' && message.counted) {
        for (const client of message.clients) {
          if (!this.durable.hasCounted(client, message.task)) {
            this.problem(`client ${client} was told that task ${message.task} counted before it was on the disk`);
          }
        }
      }
      if (message.type === 'finish' && message.reason === 'completed' && this.durable.finished === undefined) {
        this.problem('clients were told that the run is complete before that was on the disk');
      }
    };
  }

  #sent({ client, task, base }: UpdateMessage, bytes: Uint8Array): void {
    add(this.bodies, keyOf(client, task, base.hash), decodeSafetensors(bytes), same);
  }

  /** It starts from what its last counted update left, and from nothing else. */
  #checkState(client: number, task: number, { before }: Training): void {
    if (this.forgetful.has(client)) return;
    const last = this.durable.lastCounted(client, task);
    if (last === undefined) {
      if (before.size > 0)
        this.problem(`client ${client} has private state for task ${task} though nothing of it counted`);
      return;
    }
    const left = [...this.trainings].filter(([key]) => key.startsWith(`${client}/${last}/`)).flatMap(([, all]) => all);
    if (left.some(({ state }) => same(state, before))) return;
    this.problem(
      `client ${client} trains for task ${task} from a state that is not what task ${last} left, which counted`,
    );
  }
}

export function keyOf(client: number, task: number, base: string): string {
  return `${client}/${task}/${base}`;
}

function add<T>(all: Map<string, T[]>, key: string, one: T, equal: (a: T, b: T) => boolean): void {
  const known = all.get(key);
  if (known === undefined) all.set(key, [one]);
  else if (!known.some((other) => equal(one, other))) known.push(one);
}

export function same(a: NamedTensors, b: NamedTensors): boolean {
  if (a.size !== b.size) return false;
  for (const [name, { data, dtype }] of a) {
    const other = b.get(name);
    if (other === undefined || other.dtype !== dtype || other.data.length !== data.length) return false;
    for (let i = 0; i < data.length; i += 1) if (!Object.is(data[i], other.data[i])) return false;
  }
  return true;
}
