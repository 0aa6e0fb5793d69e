import { FedloomError, isFedloomError } from '@fedloom/engine';
import { describe, expect, it } from 'vitest';
import { fedAvg } from '../../algorithms/fed-avg.js';
import { sha256 } from '../../core/node/sha256.js';
import type { RoundRecord } from '../../core/records.js';
import { encodeSafetensors } from '../../core/safetensors.js';
import type { Finish } from '../../protocol/messages.js';
import { RunEnd, type RunEndOptions } from './run-end.js';
import { tensorsOf, workloadOf } from './testing/federation-under-test.js';
import { Versions } from './versions.js';

const completed = { reason: 'completed', code: 'run.completed', message: 'All rounds are done.' } as const;
const record = (loss: number) =>
  ({ metrics: { loss }, clientMetrics: { accuracy: loss / 2 } }) as unknown as RoundRecord;

function runEnd(over: Partial<RunEndOptions> = {}) {
  const versions = new Versions({ workload: workloadOf(), algorithm: fedAvg(), totalClients: 2, hash: sha256 });
  const told: string[] = [];
  const farewell = async ({ reason, message }: Finish) => void told.push(`${reason}: ${message}`);
  const finished = async (rounds: number, modelHash: string) =>
    void told.push(`disk: ${rounds} ${modelHash.slice(0, 7)}`);
  const end = new RunEnd({ run: 'r', hash: sha256, versions, persistence: { finished }, farewell, rounds: 0, ...over });
  return { end, versions, told };
}

const failed = (result: Promise<unknown>): Promise<FedloomError> =>
  result.then(
    () => Promise.reject(),
    (error) => error,
  );

describe('the end of a run', () => {
  it('is told to the disk, then to the clients, then to whoever awaits it', async () => {
    const { end, versions, told } = runEnd({ rounds: 2 });
    end.roundFinished(versions.newest, record(1));
    end.roundFinished(versions.newest, undefined);
    end.finish(completed);
    const result = await end.result;
    expect(told).toEqual(['disk: 4 sha256:', 'completed: All rounds are done.']);
    const modelBytes = encodeSafetensors(tensorsOf(0, 0));
    expect(result).toMatchObject({ status: 'completed', run: 'r', rounds: 4, modelHash: sha256(modelBytes) });
    expect([result.metrics, result.clientMetrics]).toEqual([{ loss: 1 }, { accuracy: 0.5 }]);
  });

  it('has the results of an earlier process where none came after', async () => {
    const { end } = runEnd({ rounds: 3, lastEvaluated: record(8) });
    end.finish(completed);
    expect(await end.result).toMatchObject({ rounds: 3, metrics: { loss: 8 } });
  });

  it('comes once', async () => {
    const { end, told } = runEnd();
    expect(end.isOver).toBe(false);
    end.finish({ reason: 'cancelled', code: 'run.cancelled', message: 'enough' });
    expect(end.isOver).toBe(true);
    end.finish(completed);
    expect(await end.result).toMatchObject({ status: 'cancelled', metrics: {} });
    expect(told).toEqual(['cancelled: enough']);
  });

  it('as a failure rejects with its code, its cause and the result so far, which no console prints', async () => {
    const { end, told } = runEnd();
    const cause = new Error('the very cause');
    end.failing(cause);
    end.finish({ reason: 'failed', code: 'round.quorum', message: 'too few' });
    const error = await failed(end.result);
    expect(error).toMatchObject({ code: 'round.quorum', message: 'too few', cause });
    expect(error.fields.result).toMatchObject({ status: 'cancelled', rounds: 0 });
    expect(Object.keys(error.fields)).toEqual([]);
    expect(told).toEqual(['failed: too few']);
  });

  it('is a failure where something failed within the step that completed the run', async () => {
    const { end, told } = runEnd();
    end.failing(new FedloomError('fold.unknown', 'no room', { name: 'f' }));
    end.finish(completed);
    const error = await failed(end.result);
    expect(error).toMatchObject({ code: 'fold.unknown', message: 'no room', fields: { result: { rounds: 0 } } });
    expect(isFedloomError(error, 'fold.unknown') && { ...error.fields }).toEqual({ name: 'f' });
    expect(told).toEqual(['failed: no room']);
  });

  it('is no completion for anybody where the disk does not take it', async () => {
    const told: string[] = [];
    const { end } = runEnd({
      persistence: {
        finished: () =>
          Promise.reject(new FedloomError('store.full', 'The disk is full.', { path: '/runs/a', system: 'ENOSPC' })),
      },
      farewell: async ({ reason, message }) => void told.push(`${reason}: ${message}`),
    });
    end.finish(completed);
    expect(await failed(end.result)).toMatchObject({ code: 'store.full' });
    expect(told).toEqual(['failed: The disk is full.']);
  });

  it('is told in a text that the wire takes, and whole to who awaits it', async () => {
    const { end, told } = runEnd();
    const message = 'x'.repeat(10_000);
    end.finish({ reason: 'failed', code: 'server.failed', message });
    expect((await failed(end.result)).message).toBe(message);
    expect(told[0]).toHaveLength('failed: '.length + 4_096);
  });
});
