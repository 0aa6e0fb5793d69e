import { FedloomError } from '@fedloom/engine';
import type { ConfigEntry } from './read-config.js';

/** What a FedML configuration says of a run, in our terms. Absent: it does not say. */
export interface ConfigSettings {
  readonly clients?: number;
  readonly perRound?: number;
  readonly rounds?: number;
  readonly evaluateEvery?: number;
  readonly seed?: number;
  /** As of `--algorithm`. */
  readonly algorithm?: string;
  /** As of `--set`. */
  readonly set: readonly string[];
  /** Entries that were taken, and what each says: a number of a run, `algorithm`, or the path of a setting. */
  readonly taken: readonly { readonly entry: ConfigEntry; readonly says: string }[];
  /** Entries that change nothing here. */
  readonly unused: readonly ConfigEntry[];
}

type Sizes = Pick<ConfigSettings, 'clients' | 'perRound' | 'rounds' | 'evaluateEvery' | 'seed'>;

/** Whole numbers of a run, with the least that each may be. */
const NUMBERS: Readonly<Record<string, { readonly name: keyof Sizes; readonly min: number }>> = {
  client_num_in_total: { name: 'clients', min: 1 },
  client_num_per_round: { name: 'perRound', min: 1 },
  comm_round: { name: 'rounds', min: 1 },
  frequency_of_the_test: { name: 'evaluateEvery', min: 0 },
  random_seed: { name: 'seed', min: 0 },
};

/** Settings of a task's training. FedML uses neither `weight_decay` nor `momentum` with `client_optimizer: sgd`. */
const TRAINING: Readonly<Record<string, string>> = {
  epochs: 'training.localEpochs',
  batch_size: 'training.batchSize',
  learning_rate: 'training.optimizer.learningRate',
  lr: 'training.optimizer.learningRate',
};

/** Read together with `federated_optimizer`. */
const OF_ALGORITHM = ['fedprox_mu', 'server_optimizer', 'server_lr'];

/**
 * @param path of the configuration, for messages
 * @param settable what `--set` can change in this task
 * @throws FedloomError `fedml-config.value` for a value that its key cannot have, or an algorithm that there is not
 */
export function configSettings(
  path: string,
  entries: readonly ConfigEntry[],
  settable: readonly string[],
): ConfigSettings {
  const sizes: { -readonly [N in keyof Sizes]: number } = {};
  const set: string[] = [];
  const taken: { readonly entry: ConfigEntry; readonly says: string }[] = [];
  const byKey = new Map(entries.map((entry) => [entry.key, entry]));
  const algorithm = algorithmOf(path, byKey);
  for (const entry of entries) {
    const size = own(NUMBERS, entry.key);
    const setting = own(TRAINING, entry.key);
    // Of training code in Python, which finds it under FedML's name.
    const argument = `args.${entry.key}`;
    if (size !== undefined) sizes[size.name] = wholeNumber(path, entry, size.min);
    else if (setting !== undefined && settable.includes(setting)) set.push(`${setting}=${number(path, entry)}`);
    else if (settable.includes(argument) && typeof entry.value !== 'object')
      set.push(`${argument}=${String(entry.value)}`);
    else if (!algorithm?.from.includes(entry.key)) continue;
    taken.push({ entry, says: size?.name ?? (settable.includes(argument) ? argument : (setting ?? 'algorithm')) });
  }
  return {
    ...sizes,
    ...(algorithm && { algorithm: algorithm.call }),
    set,
    taken,
    unused: entries.filter((entry) => !taken.some((one) => one.entry === entry)),
  };
}

function algorithmOf(
  path: string,
  entries: ReadonlyMap<string, ConfigEntry>,
): { readonly call: string; readonly from: readonly string[] } | undefined {
  const entry = entries.get('federated_optimizer');
  if (entry === undefined) return undefined;
  const [mu, serverOptimizer, serverRate] = OF_ALGORITHM.map((key) => entries.get(key));
  const from = [entry.key];
  switch (entry.value) {
    // The second simulates several clients one after the other, which changes nothing in the result.
    case 'FedAvg':
    case 'FedAvg_seq':
      return { call: 'fedAvg', from };
    case 'FedProx':
      if (mu === undefined) throw badValue(path, entry, 'It needs fedprox_mu, the weight of the proximal term.');
      return { call: `fedProx(mu=${number(path, mu)})`, from: [...from, 'fedprox_mu'] };
    case 'FedNova':
      return { call: 'fedNova', from };
    case 'SCAFFOLD':
      return { call: 'scaffold', from };
    case 'FedOpt':
    case 'FedOpt_seq': {
      if (serverOptimizer !== undefined && serverOptimizer.value !== 'adam') {
        const advice = 'Here is adam: write server_optimizer: adam, or another algorithm by --algorithm.';
        throw badValue(path, serverOptimizer, advice);
      }
      if (serverRate === undefined) {
        throw badValue(path, entry, 'It needs server_lr, the learning rate of the server.');
      }
      const call = `fedAdam(serverLearningRate=${number(path, serverRate)})`;
      return { call, from: [...from, 'server_optimizer', 'server_lr'] };
    }
    case 'Async_FedAvg':
      return { call: 'fedAsync', from };
    default:
      throw badValue(
        path,
        entry,
        'Here are FedAvg, FedProx, FedNova, SCAFFOLD, FedOpt (adam) and Async_FedAvg; --algorithm picks any other of fedloom.',
      );
  }
}

function wholeNumber(path: string, entry: ConfigEntry, min: number): number {
  const value = number(path, entry);
  if (Number.isSafeInteger(value) && value >= min) return value;
  throw badValue(path, entry, `It must be a whole number of at least ${min}.`);
}

function number(path: string, entry: ConfigEntry): number {
  // FedML takes `0.03` and `"0.03"` alike; YAML reads 1e-3 as a text.
  const value = typeof entry.value === 'string' && entry.value.trim() !== '' ? Number(entry.value) : entry.value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  throw badValue(path, entry, 'It must be a number.');
}

function badValue(path: string, { key, value, line }: ConfigEntry, advice: string): FedloomError {
  const message = `${path}:${line}: ${key} is ${JSON.stringify(value) ?? 'nothing'}. ${advice}`;
  return new FedloomError('fedml-config.value', message, { path, key, value });
}

function own<T>(table: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(table, key) ? table[key] : undefined;
}
