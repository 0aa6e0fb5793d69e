// Training code of your own: the model and the data live in a trainer, fedloom moves the parameters.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineTask, type NamedTensors, type TrainContext, type Trainer, type TrainerClient } from 'fedloom';

const SAMPLE = new URL('patients.csv', import.meta.url);
const EPOCHS = 2;
const LEARNING_RATE = 0.1;

interface Patient {
  /** Age, blood pressure and smoking, each about -1 to 1, and a constant. */
  readonly x: readonly number[];
  readonly ill: boolean;
}

/** Logistic regression by stochastic gradient descent: tells who is ill from age, blood pressure and smoking. */
class PatientTrainer implements Trainer {
  private weights = new Float32Array(4);
  private readonly own: readonly Patient[];
  private readonly tests: readonly Patient[];

  constructor(own: readonly Patient[], tests: readonly Patient[]) {
    this.own = own;
    this.tests = tests;
  }

  getModelParams() {
    return { weights: this.weights };
  }

  setModelParams(params: NamedTensors) {
    this.weights = Float32Array.from(params.get('weights')?.data as Float32Array);
  }

  train({ random }: TrainContext) {
    const steps = EPOCHS * this.own.length;
    let loss = 0;
    for (let step = 0; step < steps; step += 1) {
      // Drawn from the client's own stream, so that the run can be repeated to the bit.
      const patient = this.own[random.integer(this.own.length)];
      if (patient === undefined) continue;
      const error = this.probability(patient) - Number(patient.ill);
      this.weights = this.weights.map((weight, i) => weight - LEARNING_RATE * error * (patient.x[i] ?? 0));
      loss += this.loss(patient);
    }
    return { sampleCount: this.own.length, stepCount: steps, meanLoss: loss / steps };
  }

  test() {
    const right = this.tests.filter((patient) => this.probability(patient) > 0.5 === patient.ill);
    const loss = this.tests.reduce((sum, patient) => sum + this.loss(patient), 0);
    const sampleCount = this.tests.length;
    return { results: { accuracy: right.length / sampleCount, loss: loss / sampleCount }, sampleCount };
  }

  private probability({ x }: Patient): number {
    return 1 / (1 + Math.exp(-x.reduce((sum, value, i) => sum + value * (this.weights[i] ?? 0), 0)));
  }

  private loss(patient: Patient): number {
    const probability = this.probability(patient);
    return -Math.log(Math.max(1e-7, patient.ill ? probability : 1 - probability));
  }
}

/**
 * In a simulation each client has a share of the sample file: every `clients`-th row. A client that was started with
 * `--data DIR` has all of DIR/patients.csv. Index -1 is the server, which tests on the rows that nobody trains on.
 */
function trainerOf({ index, clients, dataDir }: TrainerClient): Trainer {
  const patients = readPatients(dataDir === undefined ? SAMPLE : join(dataDir, 'patients.csv'));
  const heldOut = patients.filter((_, row) => row % 5 === 0);
  const others = patients.filter((_, row) => row % 5 !== 0);
  if (index === -1) return new PatientTrainer([], heldOut);
  const own = dataDir === undefined ? others.filter((_, row) => row % clients === index) : others;
  if (own.length === 0) throw new Error(`Client ${index} has no rows: take fewer clients than rows.`);
  return new PatientTrainer(own, own);
}

function readPatients(file: string | URL): readonly Patient[] {
  const [header = '', ...lines] = readFileSync(file, 'utf8').trim().split('\n');
  const columns = header.split(',');
  return lines.map((line) => {
    const cells = line.split(',');
    const cell = (name: string) => cells[columns.indexOf(name)] ?? '';
    const x = [
      (Number(cell('age')) - 55) / 15,
      (Number(cell('pressure')) - 135) / 20,
      cell('smoker') === 'yes' ? 1 : 0,
      1,
    ];
    return { x, ill: cell('outcome') === 'ill' };
  });
}

export default defineTask({ name: 'patients', trainer: trainerOf });
