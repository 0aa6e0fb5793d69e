import { type DataSpec, FedloomError } from '@fedloom/engine';

/**
 * Checks that samples mean what the plan takes them to mean. Samples that do not say pass: their form is checked elsewhere.
 * @param where the samples come from, at the start of the message
 * @throws FedloomError `data.encoding`
 */
export function checkEncoding(found: DataSpec, expected: DataSpec, where: string): void {
  if (found.encoding === undefined || expected.encoding === undefined || found.encoding === expected.encoding) return;
  throw new FedloomError(
    'data.encoding',
    `${where}: the rows were made into numbers otherwise than the training plan has it: with other columns, categories, means, ` +
      'vocabulary or classes. Fix them in the task, where `npx fedloom statistics` prints what to fix them to, and deal the parts again.',
    { where },
  );
}
