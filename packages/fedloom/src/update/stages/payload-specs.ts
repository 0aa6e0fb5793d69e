import { bytesPerElement, elementCount, FedloomError, type NamedTensors, type Tensor } from '@fedloom/engine/base';
import { compareNames, findMismatch } from '../../core/params.js';
import type { PayloadSpec, Stage } from '../stage-contract.js';
import { travelsAsDelta, type UpdateSpec } from '../update.js';

/** A run's stages with what travels between them: worked out once, for all updates. */
export interface StageChain {
  readonly stages: readonly StageLink[];
  /** The run's. */
  readonly specs: readonly UpdateSpec[];
  /** What travels, ascending by name. */
  readonly wire: readonly PayloadSpec[];
}

/** A stage in its place. */
export interface StageLink {
  readonly stage: Stage;
  /** What its client half takes and its server half gives back, ascending by name. */
  readonly input: readonly PayloadSpec[];
  /** What its client half makes and its server half takes, ascending by name. */
  readonly output: readonly PayloadSpec[];
}

/** Whose payload it is, for messages. */
export interface PayloadOwner {
  readonly stage: string;
  readonly client: number;
  /** Made by the client half, sent over the wire, or given back by the server half. */
  readonly from: 'client' | 'wire' | 'server';
}

/** An update's tensors as the first stage takes them, ascending by name. */
export function payloadSpecs(specs: readonly UpdateSpec[]): PayloadSpec[] {
  return ascending(
    specs.map((spec) => {
      const { name, dtype, shape } = spec;
      return isTrainedDelta(spec) ? { name, dtype, shape, trained: true } : { name, dtype, shape };
    }),
  );
}

/** Whether a tensor is part of the vector that norms and selections cover: never buffers, uploads or integers. */
export function isTrainedDelta(spec: UpdateSpec): boolean {
  return spec.kind === 'trained' && travelsAsDelta(spec);
}

/**
 * @param stages in the order of their client halves
 * @throws FedloomError `stage.order` for stages that cannot follow one another, `stage.names` for two whose names or
 *   private states would be one, `stage.definition` for a payload that lists a tensor twice
 */
export function chainStages(stages: readonly Stage[], specs: readonly UpdateSpec[]): StageChain {
  checkNames(stages);
  checkBounds(stages);
  let input: readonly PayloadSpec[] = payloadSpecs(specs);
  const links = stages.map((stage): StageLink => {
    const link = { stage, input, output: outputOf(stage, input, specs) };
    input = link.output;
    return link;
  });
  return { stages: links, specs, wire: input };
}

/** What travels when updates of these specs pass these stages. @throws FedloomError as `chainStages` */
export function wireSpecs(stages: readonly Stage[], specs: readonly UpdateSpec[]): readonly PayloadSpec[] {
  return chainStages(stages, specs).wire;
}

/** Bytes of the largest payload's elements: what comes on top is the header of the safetensors body. */
export function payloadBytesMax(specs: readonly PayloadSpec[]): number {
  return specs.reduce((bytes, { dtype, shape }) => bytes + bytesPerElement[dtype] * elementCount(shape), 0);
}

/** @throws FedloomError `stage.payload` unless the tensors are exactly what was declared */
export function checkPayload(tensors: NamedTensors, specs: readonly PayloadSpec[], who: PayloadOwner): void {
  for (const spec of specs) {
    const tensor = tensors.get(spec.name);
    if (spec.upTo !== true || tensor === undefined || fitsAxis(tensor, spec)) continue;
    const text = `has shape [${tensor.shape.join(', ')}] in tensor "${spec.name}" where at most [${spec.shape.join(', ')}] is expected`;
    throw payloadError(text, spec.name, tensors, specs, who);
  }
  const exact = specs.map((spec) =>
    spec.upTo === true ? { ...spec, shape: tensors.get(spec.name)?.shape ?? spec.shape } : spec,
  );
  const mismatch = findMismatch(tensors, exact);
  if (mismatch !== undefined) throw payloadError(mismatch.text, mismatch.tensor, tensors, specs, who);
}

function fitsAxis({ shape }: Tensor, { shape: [extentMax = 0] }: PayloadSpec): boolean {
  const [extent, ...others] = shape;
  return (
    extent !== undefined && others.length === 0 && Number.isSafeInteger(extent) && extent >= 0 && extent <= extentMax
  );
}

const WHOSE: Readonly<Record<PayloadOwner['from'], (stage: string) => string>> = {
  client: (stage) => `what the client half of stage "${stage}" made`,
  wire: (stage) => `what it sent for the server half of stage "${stage}"`,
  server: (stage) => `what the server half of stage "${stage}" gave back`,
};

function payloadError(
  text: string,
  tensor: string,
  tensors: NamedTensors,
  specs: readonly PayloadSpec[],
  { stage, client, from }: PayloadOwner,
): FedloomError {
  const mend = from === 'wire' ? 'Client and server must run the same stages.' : 'The stage breaks what it declares.';
  const spec = specs.find(({ name }) => name === tensor);
  const found = tensors.get(tensor);
  const why = spec === undefined ? `holds a tensor "${tensor.slice(0, 80)}" that was not declared` : text;
  return new FedloomError('stage.payload', `Client ${client}: ${WHOSE[from](stage)} ${why}. ${mend}`, {
    stage,
    client,
    tensor,
    expected: spec && { dtype: spec.dtype, shape: spec.shape },
    found: found && { dtype: found.dtype, shape: found.shape },
  });
}

function outputOf(stage: Stage, input: readonly PayloadSpec[], specs: readonly UpdateSpec[]): readonly PayloadSpec[] {
  if (stage.payload === undefined) return input;
  const output = ascending(stage.payload(input, specs));
  const twice = output.find(({ name }, at) => output[at + 1]?.name === name);
  if (twice !== undefined) throw definitionError(stage, `lists tensor "${twice.name}" twice`);
  const many = output.find(({ shape, upTo }) => upTo === true && shape.length !== 1);
  if (many !== undefined) throw definitionError(stage, `gives tensor "${many.name}" upTo, but not one axis`);
  return output;
}

function definitionError({ name }: Stage, what: string): FedloomError {
  return new FedloomError('stage.definition', `Stage "${name}": its payload ${what}.`, { stage: name });
}

/** A state's tensor is `stage:<name>/<tensor>`: with a stage `a` beside `a/b`, `stage:a/b/c` could be of either. */
function checkNames(stages: readonly Stage[]): void {
  for (const [at, { name }] of stages.entries()) {
    const other = stages.find((stage, place) => place !== at && `${stage.name}/`.startsWith(`${name}/`));
    if (other === undefined) continue;
    const why = other.name === name ? `are both "${name}"` : `"${name}" and "${other.name}" begin alike`;
    throw new FedloomError('stage.names', `Two stages ${why}: within a run each has a name of its own.`, {
      stage: name,
      other: other.name,
    });
  }
}

function checkBounds(stages: readonly Stage[]): void {
  const bounding = stages.findIndex(({ bounds }) => bounds === true);
  const after = bounding < 0 ? undefined : stages.slice(bounding + 1).find(({ alters }) => alters === true);
  const before = stages[bounding];
  if (before === undefined || after === undefined) return;
  throw new FedloomError(
    'stage.order',
    `Stage "${before.name}" bounds what the server accepts, and stage "${after.name}" behind it adds to it, so that honest ` +
      `clients would be refused. Put "${after.name}" before "${before.name}".`,
    { stage: before.name, after: after.name },
  );
}

function ascending(specs: readonly PayloadSpec[]): PayloadSpec[] {
  return [...specs].sort((a, b) => compareNames(a.name, b.name));
}
