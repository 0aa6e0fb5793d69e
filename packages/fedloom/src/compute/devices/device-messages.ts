import { FedloomError } from '@fedloom/engine';
import { shownJson } from '../../core/shown-json.js';

/** FedML's numbers of messages, as devices that speak JSON know them. */
export const messageType = { init: 1, sync: 2, test: 3, update: 4, result: 6 } as const;

/** What a device answers to be trained. */
export interface DeviceUpdate {
  readonly kind: 'update';
  readonly round: number | undefined;
  readonly params: unknown;
  readonly sampleCount: number;
}

/** What a device answers to be tested: `results` by name, not looked at yet. */
export interface DeviceResult {
  readonly kind: 'result';
  readonly round: number | undefined;
  readonly results: Readonly<Record<string, unknown>>;
  readonly sampleCount: number;
}

export type DeviceAnswer = DeviceUpdate | DeviceResult;

/**
 * Reads what a device sent; numbers may come as text.
 * @throws FedloomError `device.message`, naming what is wrong
 */
export function readAnswer(text: string, device: number): DeviceAnswer {
  const fields = objectOf(text, () => problem(device, 'msg_type', 'is no JSON object'));
  const type = numberOf(fields.msg_type);
  const round = fields.round_idx === undefined ? undefined : numberOf(fields.round_idx);
  if (type === messageType.update) {
    const sampleCount = count(fields, device, 1);
    return { kind: 'update', round, params: parsed(fields.model_params), sampleCount };
  }
  if (type === messageType.result) {
    const results = objectOf(fields.test_result, () =>
      problem(device, 'test_result', 'has a test_result that is no object'),
    );
    return { kind: 'result', round, results, sampleCount: count(fields, device, 0) };
  }
  throw problem(device, 'msg_type', `has msg_type ${shownJson(fields.msg_type)}; devices send 4 and 6`);
}

/** A number, or the text of one; NaN for anything else. */
export function numberOf(value: unknown): number {
  if (typeof value === 'number') return value;
  return typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
}

function count(fields: Readonly<Record<string, unknown>>, device: number, min: number): number {
  const value = numberOf(fields.num_samples);
  if (Number.isSafeInteger(value) && value >= min) return value;
  const given = shownJson(fields.num_samples);
  throw problem(device, 'num_samples', `has num_samples ${given}; it must be a whole number of at least ${min}`);
}

function objectOf(value: unknown, error: () => Error): Readonly<Record<string, unknown>> {
  const object = parsed(value);
  if (typeof object !== 'object' || object === null || Array.isArray(object)) throw error();
  return object as Readonly<Record<string, unknown>>;
}

/** What is sent as text within the text, too. */
function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return value;
  try {
    return JSON.parse(value);
  } catch {
    return undefined;
  }
}

function problem(device: number, field: string, what: string): FedloomError {
  return new FedloomError('device.message', `A message of device ${device} ${what}.`, { device, field });
}
