import { FedloomError } from '@fedloom/engine';
import type { Examples } from '../../dataset.js';
import { isHeldOut } from '../../held-out.js';
import { sharedTensor } from '../../tensor-sharing.js';
import { tokenNumbers, tokensOf, UNKNOWN } from '../../tokens.js';
import { type FilePlace, pathOf, readText, shown } from '../files.js';
import type { RunningTextOptions } from './text-options.js';
import { encodingOf, type TextContents, vocabularyFor, vocabularySize } from './token-tensors.js';

/** Reads one long text, of which each sample's class is the token that comes next, or that of each of its tokens. @throws FedloomError `data.file`, `data.empty` */
export async function readRunningText(
  file: FilePlace,
  folder: string | undefined,
  options: RunningTextOptions,
): Promise<TextContents> {
  const { length, by = 'words', test, each = false } = options;
  const path = pathOf(file, folder);
  const all = tokensOf(await readText(path), by);
  const end = isHeldOut(test) ? all.length - Math.round(all.length * test.share) : all.length;
  const trainTokens = all.slice(0, end);
  const vocabulary = vocabularyFor(options, [trainTokens.join(by === 'words' ? ' ' : '')]);
  const testTokens =
    test === undefined || isHeldOut(test) ? all.slice(end) : tokensOf(await readText(pathOf(test, folder)), by);
  return {
    vocabulary,
    names: { classes: ['<padding>', '<other>', ...vocabulary] },
    spec: {
      x: { dtype: 'int32', shape: [length] },
      y: { dtype: 'int32', shape: each ? [length] : [], classes: vocabularySize(options.vocabulary, by) },
      encoding: encodingOf({ by, vocabulary, length, next: true, ...(each && { each }) }),
    },
    train: windows(trainTokens, vocabulary, options, `${shown(path)}, for training,`),
    test:
      test === undefined ? noWindows(options) : windows(testTokens, vocabulary, options, `${shown(path)}, for tests,`),
  };
}

/** Each `length` tokens and the one behind them. */
function windows(
  tokens: readonly string[],
  vocabulary: readonly string[],
  { length, step = 1, each = false }: RunningTextOptions,
  where: string,
): Examples {
  const count = Math.floor((tokens.length - length - 1) / step) + 1;
  if (count < 1) {
    throw new FedloomError(
      'data.empty',
      `${where} has ${tokens.length} tokens: a sample needs ${length + 1}, its own and the next.`,
    );
  }
  const numbers = tokenNumbers(vocabulary);
  const all = Int32Array.from(tokens, (token) => numbers.get(token) ?? UNKNOWN);
  const x = sharedTensor('int32', [count, length]);
  const y = sharedTensor('int32', each ? [count, length] : [count]);
  for (let row = 0; row < count; row++) {
    (x.data as Int32Array).set(all.subarray(row * step, row * step + length), row * length);
    const next = all.subarray(row * step + 1, row * step + length + 1);
    (y.data as Int32Array).set(each ? next : next.subarray(-1), each ? row * length : row);
  }
  return { x, y };
}

function noWindows({ length, each = false }: RunningTextOptions): Examples {
  return { x: sharedTensor('int32', [0, length]), y: sharedTensor('int32', each ? [0, length] : [0]) };
}
