import type { NamedTensors, Tensor } from '@fedloom/engine';
import { knownClient } from '../../../packages/fedloom/dist/core/brands.js';
import { sha256 } from '../../../packages/fedloom/dist/core/node/sha256.js';
import { decodeSafetensors, encodeSafetensors } from '../../../packages/fedloom/dist/core/safetensors.js';
import { decodeFrame, encodeControl, encodeInline } from '../../../packages/fedloom/dist/protocol/codec.js';
import type { Evaluations, Message, Model, UpdateMessage } from '../../../packages/fedloom/dist/protocol/messages.js';
import type { Lie } from './client-machine.js';
import type { Dice } from './dice.js';
import { floats, valuesOf } from './training.js';
import { isQuiet, type World } from './world.js';

type Told = { readonly message: UpdateMessage; readonly body: Uint8Array };
interface Knows {
  readonly dice: Dice;
  /** Clients of other processes. */
  readonly others: readonly number[];
  /** Models that it has heard of. */
  readonly bases: readonly UpdateMessage['base'][];
}

type Kind = (told: Told, knows: Knows) => readonly Uint8Array[];

const said = ({ message, body }: Told, over: Partial<UpdateMessage> = {}, bytes = body) =>
  encodeInline({ ...message, ...over }, bytes);

/** What a client may say instead of its update. None of these may count but an update as it was meant, once. */
const KINDS: Readonly<Record<string, Kind>> = {
  'not finite': (told, { dice }) => [
    said(
      told,
      {},
      changed(told, (tensor) => {
        const values = valuesOf(tensor).slice();
        values[dice.whole(0, values.length - 1)] = dice.pick([
          Number.NaN,
          Number.POSITIVE_INFINITY,
          Number.NEGATIVE_INFINITY,
        ]);
        return floats(values);
      }),
    ),
  ],
  'wrong shape': (told) => [
    said(
      told,
      {},
      changed(told, (tensor) => floats(new Float32Array(valuesOf(tensor).length + 1))),
    ),
  ],
  'wrong dtype': (told) => [
    said(
      told,
      {},
      changed(told, ({ data, shape }) => ({ dtype: 'float64', shape, data: Float64Array.from(data as Float32Array) })),
    ),
  ],
  'wrong names': (told) => [
    said(
      told,
      {},
      encodeSafetensors(
        new Map([...decodeSafetensors(told.body.slice())].map(([name, tensor]) => [`${name}x`, tensor])),
      ),
    ),
  ],
  'no tensors': (told, { dice }) => [
    said(
      told,
      {},
      Uint8Array.from({ length: dice.whole(0, 64) }, () => dice.whole(0, 255)),
    ),
  ],
  'unknown base': (told) => [
    said(told, { base: { ...told.message.base, hash: sha256(Uint8Array.of(1)) } }, doubled(told)),
  ],
  'another base': (told, { dice, bases }) => [
    said(told, {
      base: dice.pick([...bases].filter(({ hash }) => hash !== told.message.base.hash).concat(told.message.base)),
    }),
  ],
  twice: (told) => [said(told), said(told)],
  'another client': (told, { dice, others }) => [
    said(told),
    ...(others.length === 0 ? [] : [said(told, { client: knownClient(dice.pick(others)) })]),
  ],
  'not asked': (told) => [said(told), said(told, { task: told.message.task + 1, attempt: told.message.attempt + 1 })],
  'wrong facts': (told, { dice }) => [
    said(told, {
      facts: dice.pick([
        {},
        { sampleCount: 0, stepCount: 1 },
        { sampleCount: 1.5, stepCount: 1 },
        { sampleCount: 2e9, stepCount: 1 },
      ]),
    }),
  ],
  'failed, and then not': (told) => {
    const { task, attempt, client } = told.message;
    return [
      encodeControl({ type: 'failed', task, attempt, client, phase: 'train', code: 'a.lie', message: '\u001b[2J' }),
      said(told),
    ];
  },
  silence: () => [],
};

/** Lies of size: they are told where there is something to compare with. Before that the first rounds may be void, or count. */
const SIZES: Readonly<Record<string, Kind>> = {
  'far too large': (told) => [
    said(
      told,
      {},
      changed(told, (tensor) => floats(valuesOf(tensor).map((value) => 1e9 * (value + 1)))),
    ),
  ],
  'far too many samples': (told) => [said(told, { facts: { ...told.message.facts, sampleCount: 1e8 } })],
};
/** As many updates must have counted before the next are compared with them, and in so many rounds. */
const COMPARED = { updates: 3, rounds: 10 };

/** What a client's process that lies now and then sends. */
export function liarOf(world: World, own: readonly number[], dice: Dice): () => Lie {
  const all = Array.from({ length: world.scenario.clients }, (_, client) => client);
  const others = all.filter((client) => !own.includes(client));
  const bases: UpdateMessage['base'][] = [];
  const instead = (frame: Uint8Array): readonly Uint8Array[] => {
    const read = decodeFrame(frame);
    if (read.kind === 'control' && read.message.type === 'evaluations' && !isQuiet(world) && dice.chance(0.3)) {
      world.witness.fault('lie: results', `client ${own.join('+')}`);
      return results(read.message as Evaluations, dice, others);
    }
    const message = read.kind === 'inline' ? (read.message as Message) : undefined;
    if (read.kind !== 'inline' || message?.type !== 'update') return [frame];
    if (isQuiet(world) || dice.chance(0.5)) return [frame];
    const kinds = { ...KINDS, ...sizesIn(world) };
    const kind = dice.pick(Object.keys(kinds));
    world.witness.fault(`lie: ${kind}`, `client ${message.client} task ${message.task}`);
    return kinds[kind]?.({ message, body: read.body.slice() }, { dice, others, bases }) ?? [frame];
  };
  const heard = (frame: Uint8Array) => {
    // What is damaged on its way tells it nothing.
    if (frame[0] !== 3 || frame[1] !== 0 || frame.length < 16) return;
    const read = decodeFrame(frame);
    if (read.kind === 'inline' && read.message.type === 'model') bases.push((read.message as Model).version);
  };
  return () => ({ instead, heard });
}

/** Those that the bounds of the run stop, as far as is known on the disk. */
function sizesIn({ scenario, witness }: World): Readonly<Record<string, Kind>> {
  const rounds = witness.durable.rounds.filter(({ outcome }) => outcome === 'counted').slice(-COMPARED.rounds);
  const isCompared = rounds.reduce((sum, { counted }) => sum + counted.length, 0) >= COMPARED.updates;
  if (!isCompared) return {};
  const { 'far too many samples': samples, ...large } = SIZES;
  return scenario.sampleCountMax === 'none' || samples === undefined
    ? large
    : { ...large, 'far too many samples': samples };
}

/** What costs at most the results of whoever says it. */
function results({ round, entries }: Evaluations, dice: Dice, others: readonly number[]): readonly Uint8Array[] {
  const [first] = entries;
  if (first === undefined) return [];
  const say = (over: Partial<Evaluations['entries'][number]>) =>
    encodeControl({ type: 'evaluations', round, entries: [{ ...first, ...over }] });
  const statistics = { loss: { sum: 1e308, weight: 1e-308 } };
  return dice.pick([
    [say({ sampleCount: -1 })],
    [say({ sampleCount: 0.5 })],
    [say({ statistics, results: { loss: -1e308 } })],
    [say({ results: { other: 1 } }), say({})],
    others.length === 0 ? [] : [say({ client: knownClient(dice.pick(others)) })],
    [encodeControl({ type: 'evaluations', round: round + 1, entries })],
  ]);
}

function doubled(told: Told): Uint8Array {
  return changed(told, (tensor) => floats(valuesOf(tensor).map((value) => 2 * value + 1)));
}

/** The body with one of its float tensors changed. */
function changed({ body }: Told, change: (tensor: Tensor) => Tensor): Uint8Array {
  const tensors: NamedTensors = decodeSafetensors(body.slice());
  const name = [...tensors].find(([, { dtype }]) => dtype === 'float32')?.[0] ?? '';
  return encodeSafetensors(new Map([...tensors].map(([own, tensor]) => [own, own === name ? change(tensor) : tensor])));
}
