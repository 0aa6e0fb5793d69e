import type { NamedTensors, Tensor } from '@fedloom/engine';
import { sha256 } from '../../../packages/fedloom/dist/core/node/sha256.js';
import { encodeSafetensors } from '../../../packages/fedloom/dist/core/safetensors.js';
import type { CountedUpdate } from '../../../packages/fedloom/dist/journal/record.js';
import {
  naiveKrumOrder,
  naiveMedian,
  naiveTrimmedMean,
} from '../../../packages/fedloom/dist/update/folds/testing/naive-folds.js';
import { rationalMean } from './rational-mean.js';
import type { Scenario } from './scenario.js';
import { at, BUFFER, floats, samplesOf, startModel, TRAINED, valuesOf } from './training.js';
import { keyOf, same, type Training, type Witness } from './witness.js';

interface Version {
  readonly model: NamedTensors;
  /** SCAFFOLD's control variate. */
  readonly control: NamedTensors;
  readonly hash: string;
}

interface Counted extends CountedUpdate {
  /** Dense. */
  readonly body: NamedTensors;
}

/** Variants of a round's bodies that are tried: several only where private state was lost. */
const COMBINATIONS_MAX = 64;

/**
 * Makes every version of a run again, from what honest clients sent and from the decisions on the disk, by rules that are written
 * here anew and in exact arithmetic. Tells where the run's versions are others.
 */
export function checkVersions(scenario: Scenario, { durable, bodies, problem }: Checked): void {
  let newest = versionOf(startModel(scenario.model), startControl(scenario));
  const versions = [newest];
  if (durable.hashes.get(-1) !== newest.hash) problem('the run began with another model');
  for (const { round, outcome, counted } of durable.rounds) {
    if (outcome === 'void') continue;
    const variants = counted.map((update) => {
      const base = versions[update.base];
      const sent = base && bodies.get(keyOf(update.client, update.task, base.hash));
      if (sent === undefined)
        problem(`round ${round} counted an update of client ${update.client} that no honest client sent`);
      return (sent ?? []).map((body): Counted => ({ ...update, body: dense(body, newest.model) }));
    });
    const recorded = durable.hashes.get(round);
    let next: Version | undefined;
    for (const combination of combinations(variants)) {
      next = updated(scenario, versions, combination);
      if (next.hash === recorded) break;
    }
    if (next === undefined) return;
    if (next.hash !== recorded) {
      problem(`round ${round} made ${recorded}, and the mean of what counted makes ${next.hash}`);
      return;
    }
    newest = next;
    versions.push(next);
  }
}

/** What is checked, and who is told. */
export interface Checked extends Pick<Witness, 'durable' | 'bodies' | 'trainings' | 'forgetful'> {
  readonly problem: (text: string) => void;
}

/** Clients send what they trained, and what they keep of it is what counted. */
export function checkBodies(scenario: Scenario, { durable, bodies, trainings, forgetful, problem }: Checked): void {
  for (const [key, sent] of bodies) {
    const trained = trainings.get(key) ?? [];
    if (scenario.topKFraction !== null) continue;
    if (sent.every((body) => trained.some((training) => same(changesOf(training), body)))) continue;
    problem(`an update (client/task/base ${key}) is not what was trained`);
  }
  if (scenario.topKFraction === null) return;
  const residuals = new Map<number, Float32Array>();
  const versions = durable.versionHashes;
  for (const { client, task, base } of durable.rounds.flatMap(({ counted }) => counted)) {
    if (forgetful.has(client)) continue;
    const key = keyOf(client, task, versions[base] ?? '');
    const training = trainings.get(key)?.[0];
    const body = bodies.get(key)?.[0];
    if (training === undefined || body === undefined) {
      problem(`an update (client/task/base ${key}) counted that nobody trained`);
      continue;
    }
    const { positions, values, residual } = topKOf(changesOf(training), residuals.get(client), scenario.topKFraction);
    const isEqual =
      String(valuesOf(body.get('topK/values'))) === String(values) &&
      String(body.get('topK/indices')?.data) === String(positions);
    if (!isEqual) problem(`the update (client/task/base ${key}) is not the largest of what was trained and left over`);
    residuals.set(client, residual);
  }
}

function changesOf({ from, params, uploads }: Training): NamedTensors {
  const changes = [...params].map(([name, tensor]): [string, Tensor] => {
    const before = valuesOf(from.get(name));
    return [name, floats(valuesOf(tensor).map((value, i) => value - at(before, i)))];
  });
  return new Map([...changes, ...uploads]);
}

/** As PROTOCOL.md says it, over b and then w. */
function topKOf(changes: NamedTensors, before: Float32Array | undefined, fraction: number) {
  const vector = TRAINED.flatMap((name) => [...valuesOf(changes.get(name))]);
  const sums = vector.map((value, i) => Math.fround(value + (before?.[i] ?? 0)));
  const k = Math.min(sums.length, Math.max(1, Math.ceil(fraction * sums.length)));
  const order = sums.map((_, i) => i).sort((a, b) => Math.abs(at(sums, b)) - Math.abs(at(sums, a)) || a - b);
  const positions = order.slice(0, k).sort((a, b) => a - b);
  const residual = Float32Array.from(sums);
  for (const position of positions) residual[position] = 0;
  return { positions, values: positions.map((position) => at(sums, position)), residual };
}

/** The body with zeros where a client sent nothing. */
function dense(body: NamedTensors, model: NamedTensors): NamedTensors {
  const values = body.get('topK/values');
  if (values === undefined) return body;
  const positions = body.get('topK/indices')?.data as Int32Array;
  const lengths = TRAINED.map((name) => valuesOf(model.get(name)).length);
  const vector = new Float32Array(lengths.reduce((sum, length) => sum + length, 0));
  for (const [i, position] of positions.entries()) vector[position] = at(valuesOf(values), i);
  const tensors = new Map([...body].filter(([name]) => !name.startsWith('topK/')));
  let from = 0;
  for (const [i, name] of TRAINED.entries()) {
    tensors.set(name, floats(vector.slice(from, from + at(lengths, i))));
    from += at(lengths, i);
  }
  return tensors;
}

function updated(scenario: Scenario, versions: readonly Version[], counted: readonly Counted[]): Version {
  const newest = versions.at(-1);
  if (newest === undefined) throw new RangeError('there is no version to go on from');
  const { algorithm } = scenario;
  const weights = counted.map((update) => weightOf(algorithm, update));
  const bodies = counted.map((update) => (algorithm === 'fedAsync' ? rebased(update, versions) : update.body));
  const rate = rateOf(algorithm, weights);
  const samples = counted.map(({ client }) => samplesOf(client));
  const chosen = chosenOf(scenario, bodies);
  const aggregate = (name: string, own: readonly number[]) => {
    const vectors = bodies.map((body) => [...valuesOf(body.get(name))]);
    if (algorithm === 'median') return naiveMedian(vectors);
    if (algorithm === 'trimmedMean') return naiveTrimmedMean(vectors, 1);
    const used = chosen.map((i) => own[i] ?? 0);
    return (vectors[0] ?? []).map((_, at_) =>
      rationalMean(
        chosen.map((i) => at(vectors[i] ?? [], at_)),
        used,
      ),
    );
  };
  const model = [...newest.model].map(([name, tensor]): [string, Tensor] => {
    const isBuffer = name === BUFFER;
    return [name, moved(tensor, aggregate(name, isBuffer ? samples : weights), isBuffer ? 1 : rate)];
  });
  const share = counted.length / scenario.clients;
  const control = [...newest.control].map(([name, tensor]): [string, Tensor] => [
    name,
    moved(tensor, aggregate(name.replace('control/', 'controlDelta/'), weights), share),
  ]);
  return versionOf(new Map(model), new Map(control));
}

/** Rounded to 24 significant bits, as PROTOCOL.md says. */
function weightOf(algorithm: string, { client, base, newest }: CountedUpdate): number {
  if (algorithm === 'scaffold') return 1;
  if (algorithm !== 'fedBuff' && algorithm !== 'fedAsync') return samplesOf(client);
  return Math.fround((1 + newest - base) ** -0.5);
}

function rateOf(algorithm: string, weights: readonly number[]): number {
  if (algorithm === 'fedAsync') return 0.6 * at(weights, 0);
  if (algorithm !== 'fedBuff') return 1;
  return weights.reduce((sum, weight) => sum + weight, 0) / weights.length;
}

/** The model that the client trained, as a difference to the newest when it came. */
function rebased({ body, base, newest }: Counted, versions: readonly Version[]): NamedTensors {
  const [from, to] = [versions[base]?.model, versions[newest]?.model];
  if (base === newest || from === undefined || to === undefined) return body;
  return new Map(
    [...body].map(([name, tensor]): [string, Tensor] => {
      const [before, after] = [valuesOf(from.get(name)), valuesOf(to.get(name))];
      return [name, floats(valuesOf(tensor).map((value, i) => value + (at(before, i) - at(after, i))))];
    }),
  );
}

function chosenOf({ algorithm }: Scenario, bodies: readonly NamedTensors[]): number[] {
  if (algorithm !== 'multiKrum') return bodies.map((_, i) => i);
  const vectors = bodies.map((body) => TRAINED.flatMap((name) => [...valuesOf(body.get(name))]));
  return naiveKrumOrder(vectors, 0)
    .slice(0, 2)
    .sort((a, b) => a - b);
}

function moved(tensor: Tensor, change: readonly number[], rate: number): Tensor {
  const step = (value: number, i: number) => {
    const by = rate * at(change, i);
    return by === 0 ? value : value + by;
  };
  return floats(valuesOf(tensor).map(step));
}

function versionOf(model: NamedTensors, control: NamedTensors): Version {
  return { model, control, hash: sha256(encodeSafetensors(new Map([...model, ...control]))) };
}

function startControl({ keeping, model }: Scenario): NamedTensors {
  if (keeping !== 'control') return new Map();
  const zeros = TRAINED.map((name): [string, Tensor] => [
    `control/${name}`,
    floats(new Float32Array(valuesOf(startModel(model).get(name)).length)),
  ]);
  return new Map(zeros);
}

function combinations<T>(lists: readonly (readonly T[])[]): T[][] {
  let all: T[][] = [[]];
  for (const list of lists) all = all.flatMap((head) => list.map((one) => [...head, one])).slice(0, COMBINATIONS_MAX);
  return all;
}
