import { type ComputeDevice, deviceOf, FedloomError } from '@fedloom/engine/base';
import { InvalidArgumentError, Option } from 'commander';
import { type PoolKind, type PoolSettings, poolKinds } from '../compute/node/pool-choice.js';
import { argument, whereGiven } from './given.js';

/** What trains or evaluates plans. */
export interface PoolFlags {
  readonly pool?: PoolKind;
  readonly device?: ComputeDevice;
}

/** @param what it does to a plan: `trains` */
export function poolOption(what: string): Option {
  return new Option(
    '--pool <kind>',
    `what ${what} a plan: threads, or processes of their own, which take nothing along when native code fails (default: threads)`,
  ).choices(poolKinds);
}

/** @param what it does to a plan: `trains` */
export function deviceOption(what: string): Option {
  return new Option(
    '--device <device>',
    `where it ${what} a plan: cpu, cuda or cuda:1; equal to the bit on cpu alone (default: cpu)`,
  ).argParser(parseDevice);
}

function parseDevice(text: string): ComputeDevice {
  try {
    deviceOf(text);
    return text as ComputeDevice;
  } catch (error) {
    throw error instanceof FedloomError ? new InvalidArgumentError(error.message) : error;
  }
}

/** As runs take it; undefined where nothing was given. */
export function poolOf({ pool, device }: PoolFlags): PoolSettings | undefined {
  if (pool === undefined && device === undefined) return undefined;
  return { ...whereGiven('kind', pool), ...whereGiven('device', device) };
}

/** As arguments. */
export function poolArguments({ pool, device }: PoolFlags): string[] {
  return [...argument('--pool', pool), ...argument('--device', device)];
}
