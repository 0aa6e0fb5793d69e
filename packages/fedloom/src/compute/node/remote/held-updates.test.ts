import type { NamedTensors } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { clientIndex, hashFrom, versionNumber } from '../../../core/brands.js';
import { RandomStream } from '../../../core/random.js';
import { decodeSafetensors, encodeSafetensors } from '../../../core/safetensors.js';
import { meanFold } from '../../../update/mean-fold.js';
import type { UpdateSpec } from '../../../update/update.js';
import { decodeReceipt, measuresOf } from '../../../update/update-holders.js';
import { HeldUpdates } from './held-updates.js';

const specs: readonly UpdateSpec[] = [
  { name: 'count', shape: [2], dtype: 'int32', fold: 'max', kind: 'buffer' },
  { name: 'w', shape: [5000], dtype: 'float32', fold: 'mean', kind: 'trained' },
];
const hold = { kind: 'hold' as const, holder: 3, specs, needsNorm: true };
const base = { model: 'global', number: versionNumber(0), hash: hashFrom(`sha256:${'0'.repeat(64)}`) };

function tensorsOf(client: number): NamedTensors {
  const random = RandomStream.of(1, 'held', client);
  return new Map([
    ['count', { dtype: 'int32', shape: [2], data: Int32Array.of(client, 7 - client) }],
    ['w', { dtype: 'float32', shape: [5000], data: Float32Array.from({ length: 5000 }, () => random.normal()) }],
  ]);
}

function train(held: HeldUpdates, client: number, task: number, tensors = tensorsOf(client)) {
  const reply = held.keep({ client, task }, { update: encodeSafetensors(tensors), facts: { sampleCount: 5 } });
  const receipt = decodeReceipt(reply.update);
  if (receipt === undefined) throw new Error('no receipt came');
  return receipt;
}

const contribution = (client: number, task: number) => ({
  update: { client: clientIndex(client), base, task, attempt: 1, facts: { sampleCount: client + 1 } },
  weight: client + 1,
});

/** The same updates, added where the sum is finished. */
function meanOf(clients: readonly number[]) {
  const sum = meanFold().start(specs);
  for (const client of clients) {
    const { update, weight } = contribution(client, 0);
    sum.add({ update: { ...update, tensors: tensorsOf(client) }, weight });
  }
  return sum.finish();
}

describe('updates that stay with their host', () => {
  it('come to the mean of all, to the bit, over two hosts and over rounds', () => {
    const hosts = [new HeldUpdates(hold), new HeldUpdates(hold)];
    for (const round of [0, 1]) {
      const sum = meanFold().start(specs);
      for (const [at, host] of hosts.entries()) {
        for (const client of [at, at + 2, at + 4]) {
          host.add(round, train(host, client, round).update, contribution(client, round));
        }
        const { count, tensors } = host.sum(round);
        sum.merge({ count, tensors: decodeSafetensors(tensors ?? new Uint8Array()) });
      }
      expect(sum.finish()).toEqual(meanOf([0, 1, 2, 3, 4, 5]));
    }
  });

  it('are measured for the server', () => {
    const data = new Float32Array(5000);
    data.set([3, -4]);
    const tensors = new Map([...tensorsOf(1), ['w', { dtype: 'float32' as const, shape: [5000], data }]]);
    const receipt = train(new HeldUpdates(hold), 1, 0, tensors);
    expect(receipt.holder).toBe(3);
    expect(measuresOf(receipt)).toEqual({
      magnitudes: Float64Array.of(6, 4),
      norms: Float64Array.of(0, 5),
      deltaNorm: 5,
    });
  });

  it('are refused as a server refuses them', () => {
    const broken = new Map([
      ...tensorsOf(1),
      ['w', { dtype: 'float32' as const, shape: [1], data: new Float32Array(1) }],
    ]);
    const diverged = tensorsOf(2);
    (diverged.get('w')?.data as Float32Array)[7] = Number.NaN;
    const held = new HeldUpdates(hold);
    expect(() => measuresOf(train(held, 1, 0, broken))).toThrow(expect.objectContaining({ code: 'update.shape' }));
    const receipt = train(held, 2, 0, diverged);
    expect(() => measuresOf(receipt)).toThrow(expect.objectContaining({ code: 'update.not-finite' }));
    expect(() => held.add(0, receipt.update, contribution(2, 0))).toThrow('is not held here');
  });

  it('are held until their round is over, and no longer', () => {
    const held = new HeldUpdates(hold);
    const [old, counted, next] = [train(held, 0, 4), train(held, 1, 5), train(held, 2, 6)];
    held.add(5, counted.update, contribution(1, 5));
    expect(held.sum(5).count).toBe(1);
    expect(() => held.add(5, old.update, contribution(0, 4))).toThrow('is not held here');
    held.add(6, next.update, contribution(2, 6));
    held.drop(6);
    expect(held.sum(6)).toEqual({ kind: 'sum', count: 0 });
  });
});
