import {
  type DataSpec,
  FedloomError,
  type GraphSession,
  type InferenceNames,
  type Tensor,
  zeros,
} from '@fedloom/engine';
import { type SamplesInput, samplesTensor } from './samples.js';

/** What a model says of samples: each with their number as its leading dimension. */
export interface Predictions {
  /** What the model's last layer gives, `[n, ...]`: of a classifier the logits. */
  readonly prediction: Tensor;
  /** Of a classifier, `[n, classes]`: how likely each class is. */
  readonly probabilities?: Tensor;
  /** Of a classifier, int32 `[n]`: the most likely class. */
  readonly label?: Tensor;
  /** What else the loss reads from predictions (`Loss.readings`). */
  readonly [reading: string]: Tensor | undefined;
}

/** So many samples are in work at a time: memory does not grow with their number. */
const BATCH = 1024;

/** A trained model, ready to predict. Calls may overlap; they are done one after the other. */
export class Predictor {
  #turn: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(
    private readonly session: GraphSession,
    /** Of the task that it was trained for. */
    readonly task: string,
    /** What samples and labels are. */
    readonly data: DataSpec,
    /** What people call its inputs and classes, where its task says so: `names.classes?.[label]`. */
    readonly names: InferenceNames = {},
  ) {}

  /**
   * Predicts for samples as clients hold them; preprocessing is in the model.
   * @throws FedloomError `predict.input` for samples of another form; `predict.closed`
   */
  predict(x: SamplesInput): Promise<Predictions> {
    const done = this.#start(x);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** Frees the model when what was asked before is done. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#turn;
    await this.session.release();
  }

  async #start(x: SamplesInput): Promise<Predictions> {
    if (this.#closed) {
      throw new FedloomError('predict.closed', `The model of "${this.task}" is closed: load it again.`, {
        task: this.task,
      });
    }
    const tensor = samplesTensor(x, this.data.x);
    await this.#turn;
    return this.#predict(tensor);
  }

  async #predict(x: Tensor): Promise<Predictions> {
    const [count = 0, ...sample] = x.shape;
    // ONNX Runtime drops no axis of what is empty: the form is that of what it says of one.
    if (count === 0) return firstRows(await this.#predict(zeros(x.dtype, [1, ...sample])), 0);
    const batches: ReadonlyMap<string, Tensor>[] = [];
    for (let from = 0; from < count; from += BATCH) {
      batches.push(await this.session.run(new Map([['x', rowsOf(x, from, Math.min(count, from + BATCH))]])));
    }
    const names = [...(batches[0]?.keys() ?? [])];
    return Object.fromEntries(
      names.map((name) => [name, joined(batches.flatMap((batch) => batch.get(name) ?? []))]),
    ) as unknown as Predictions;
  }
}

function firstRows(predictions: Predictions, count: number): Predictions {
  const entries = Object.entries(predictions).flatMap(([name, tensor]) =>
    tensor === undefined ? [] : [[name, rowsOf(tensor, 0, count)] as const],
  );
  return Object.fromEntries(entries) as unknown as Predictions;
}

function rowsOf({ dtype, shape, data }: Tensor, from: number, to: number): Tensor {
  const [count = 0, ...sample] = shape;
  const width = count === 0 ? 0 : data.length / count;
  return { dtype, shape: [to - from, ...sample], data: data.subarray(from * width, to * width) };
}

/** Tensors one below the other; int64, which only ONNX needs for labels, as int32. */
function joined(parts: readonly Tensor[]): Tensor {
  const [first] = parts;
  if (first === undefined) throw new Error('there is no batch');
  const values = parts.flatMap(({ data }) => [data]);
  const length = values.reduce((sum, part) => sum + part.length, 0);
  const rows = parts.reduce((sum, { shape }) => sum + (shape[0] ?? 0), 0);
  const shape = [rows, ...first.shape.slice(1)];
  if (first.dtype === 'int64') {
    return { dtype: 'int32', shape, data: Int32Array.from(values.flatMap((part) => [...part].map(Number))) };
  }
  const data = new (first.data.constructor as new (length: number) => Float32Array)(length);
  let at = 0;
  for (const part of values) {
    data.set(part as Float32Array, at);
    at += part.length;
  }
  return { dtype: first.dtype, shape, data };
}
