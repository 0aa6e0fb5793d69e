import { type ErrorCode, FedloomError } from '@fedloom/engine';

/** The library's own checks of what was typed. */
const USAGE_CODES: ReadonlySet<string> = new Set<ErrorCode>([
  'certs.exists',
  'certs.no-authority',
  'auth.clients-file',
  'auth.file',
  'auth.key',
  'auth.open-file',
  'auth.token',
  'auth.token-file',
  'run.options',
  'task.override',
  'ranges.syntax',
  'server.insecure',
  'transport.tls',
  'transport.options',
  'hostfile.missing',
  'hostfile.slots',
  'launch.address',
  'mpi.not-launched',
  'call.syntax',
  'algorithm.unknown',
  'algorithm.option',
  'algorithm.fold',
  'fold.unknown',
  'fold.option',
  'fold.too-few',
  'fold.memory',
  'bound.syntax',
  'metric.rule',
  'metric.unknown',
  'stage.unknown',
  'stage.option',
  'stage.order',
]);

/** What someone typed cannot be meant: exit code 2. */
export function isUsageError(error: unknown): boolean {
  return error instanceof FedloomError && (error.code.startsWith('usage.') || USAGE_CODES.has(error.code));
}
