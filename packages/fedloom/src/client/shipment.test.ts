import type { TrainingPlan } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { sha256 } from '../core/node/sha256.js';
import { Shipment } from './shipment.js';

const [plan, frozen] = [Uint8Array.of(1, 2, 3), Uint8Array.of(4, 5)];
const [planHash, frozenHash] = [sha256(plan), sha256(frozen)];

function shipment() {
  const decoded = { bytes: plan } as TrainingPlan;
  return new Shipment({ hash: sha256, decodePlan: (_bytes, hash) => ({ kind: 'plan', plan: decoded, hash }) });
}

describe('what a server ships', () => {
  it('is whole with the plan, where nothing is frozen', () => {
    const one = shipment();
    expect(one.expect({ kind: 'plan', hash: planHash })).toEqual([{ type: 'getPlan', hash: planHash }]);
    const workload = one.arrived({ type: 'plan', hash: planHash }, plan);
    expect(workload).toEqual({ kind: 'plan', plan: { bytes: plan }, hash: planHash });
  });

  it.each([['plan'], ['frozen']] as const)('is whole with plan and frozen parameters, %s first', (first) => {
    const one = shipment();
    expect(one.expect({ kind: 'plan', hash: planHash, frozen: frozenHash })).toEqual([
      { type: 'getPlan', hash: planHash },
      { type: 'getFrozen', hash: frozenHash },
    ]);
    const parts = [
      () => one.arrived({ type: 'plan', hash: planHash }, plan),
      () => one.arrived({ type: 'frozen', hash: frozenHash }, frozen),
    ];
    if (first === 'frozen') parts.reverse();
    expect(parts[0]?.()).toBeUndefined();
    const workload = parts[1]?.();
    expect(workload).toMatchObject({ hash: planHash, frozen: { hash: frozenHash } });
    expect([...(workload?.frozen?.bytes ?? [])]).toEqual([4, 5]);
  });

  it('begins anew with each connection, since the rest of the last never comes', () => {
    const one = shipment();
    const workload = { kind: 'plan', hash: planHash, frozen: frozenHash } as const;
    one.expect(workload);
    one.arrived({ type: 'plan', hash: planHash }, plan);
    one.expect(workload);
    expect(one.arrived({ type: 'frozen', hash: frozenHash }, frozen)).toBeUndefined();
    expect(one.arrived({ type: 'plan', hash: planHash }, plan)).toBeDefined();
  });

  it.each([
    ['plan', 'The plan that came has the hash'],
    ['frozen', 'The frozen parameters that came have the hash'],
  ] as const)('is refused where the bytes of %s are not what was announced', (type, text) => {
    const one = shipment();
    one.expect({ kind: 'plan', hash: planHash, frozen: frozenHash });
    expect(() => one.arrived({ type, hash: planHash }, Uint8Array.of(9))).toThrow(
      expect.objectContaining({ code: 'client.hash', message: expect.stringContaining(text) }),
    );
  });

  it.each([['plan'], ['frozen']] as const)('is refused where it is another %s than the welcome named', (type) => {
    const one = shipment();
    one.expect({ kind: 'plan', hash: planHash, frozen: frozenHash });
    const other = Uint8Array.of(9);
    expect(() => one.arrived({ type, hash: sha256(other) }, other)).toThrow(
      expect.objectContaining({
        code: 'client.hash',
        message: expect.stringContaining("the server's welcome names sha256:"),
      }),
    );
  });
});
