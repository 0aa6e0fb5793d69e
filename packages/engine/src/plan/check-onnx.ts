import { FedloomError } from '../errors.js';
import { formatShape } from '../graph/shapes.js';
import type { GraphPort, GraphSpec } from './manifest.js';
import type { GraphKind } from './ports.js';
import { type OnnxGraphFile, type OnnxInfo, type OnnxLimits, readOnnx } from './read-onnx.js';

/** More than any graph that we know by a hundred times. */
const LIMITS: OnnxLimits = { nodesMax: 50_000, nameLengthMax: 1_000 };

/** A graph of a plan from outside, which has nothing but what compiled graphs have. @throws FedloomError `plan.graph` */
export function readGraph(kind: GraphKind, onnx: Uint8Array): OnnxGraphFile {
  try {
    return readOnnx(onnx, LIMITS);
  } catch (cause) {
    throw refusedGraph(kind, cause);
  }
}

/**
 * Checks that a graph from outside keeps to itself, and has the inputs and outputs that the manifest says. ONNX Runtime itself
 * follows references to files, relative to the working directory, and a plan could send what it reads to its server.
 *
 * @throws FedloomError `plan.graph`
 */
export function checkOnnx(kind: GraphKind, onnx: Uint8Array, spec: GraphSpec): void {
  const { inputs, outputs } = readGraph(kind, onnx);
  try {
    checkPorts('input', inputs, spec.inputs);
    checkPorts('output', outputs, spec.outputs);
  } catch (cause) {
    throw refusedGraph(kind, cause);
  }
}

/** @param cause a RangeError that says why; any other error is a bug */
export function refusedGraph(kind: GraphKind, cause: unknown): FedloomError {
  if (!(cause instanceof RangeError)) throw cause;
  return new FedloomError(
    'plan.graph',
    `The plan's ${kind} graph is refused: ${cause.message}. Use plans of servers you trust, made by this fedloom.`,
    { graph: kind },
    { cause },
  );
}

function checkPorts(side: string, infos: readonly OnnxInfo[], ports: readonly GraphPort[]): void {
  const expected = new Map(ports.map((port) => [port.port, port]));
  for (const info of infos) {
    const port = expected.get(info.name);
    if (port === undefined)
      throw new RangeError(`it has the ${side} '${info.name.slice(0, 60)}', which the manifest does not`);
    if (!fits(info, port)) {
      const [graph, manifest] = [info, port].map(({ dtype, shape }) => `${dtype} ${formatShape(shape)}`);
      throw new RangeError(`its ${side} ${info.name} is ${graph}, and ${manifest} in the manifest`);
    }
    expected.delete(info.name);
  }
  const [missing] = expected.keys();
  if (missing !== undefined) throw new RangeError(`it lacks the ${side} ${missing} of the manifest`);
}

/** What a symbol of an output stands for shows when the graph runs. */
function fits(info: OnnxInfo, port: GraphPort): boolean {
  const alike = (extent: number | string | undefined, axis: number) =>
    extent === port.shape[axis] || typeof extent === 'string' || typeof port.shape[axis] === 'string';
  return info.dtype === port.dtype && info.shape.length === port.shape.length && info.shape.every(alike);
}
