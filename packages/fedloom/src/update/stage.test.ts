import { FedloomError, type Tensor } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { applyStages, type ClientUpdate, identityStage, type UpdateStage } from './stage.js';

const context = { round: 4, model: new Map<string, Tensor>() };
const update: ClientUpdate = {
  client: 3,
  sampleCount: 10,
  tensors: new Map<string, Tensor>([['a', { dtype: 'float32', shape: [1], data: Float32Array.of(1) }]]),
};

function stage(name: string, change: (value: number) => number): UpdateStage {
  return {
    name,
    apply: (current) => {
      const data = Float32Array.of(change(current.tensors.get('a')!.data[0] as number));
      return { ...current, tensors: new Map<string, Tensor>([['a', { dtype: 'float32', shape: [1], data }]]) };
    },
  };
}

describe('applyStages', () => {
  it('is the identity without stages and with the identity stage', () => {
    expect(applyStages([], update, context)).toBe(update);
    expect(applyStages([identityStage()], update, context)).toBe(update);
  });

  it('runs stages in their order and leaves the update as it was', () => {
    const stages = [stage('add', (value) => value + 1), stage('double', (value) => value * 2)];
    expect(applyStages(stages, update, context).tensors.get('a')!.data[0]).toBe(4);
    expect(applyStages([...stages].reverse(), update, context).tensors.get('a')!.data[0]).toBe(3);
    expect(update.tensors.get('a')!.data[0]).toBe(1);
  });

  it('names the stage and the client when a stage fails', () => {
    const cause = new Error('norm is not finite');
    const failing = stage('clip', () => {
      throw cause;
    });
    try {
      applyStages([identityStage(), failing], update, context);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(FedloomError);
      expect(error).toMatchObject({ code: 'stage.failed', fields: { stage: 'clip', client: 3 }, cause });
      expect((error as FedloomError).message).toMatch(
        /"clip" failed on the update of client 3 in round 4: norm is not finite/,
      );
    }
  });
});
