import { describe, expect, it } from 'vitest';
import { clientIndex } from '../../core/brands.js';
import type { UpdateTag } from '../schedule/types.js';
import { StagedUpdates } from './staged-updates.js';

const tag = (client: number, task = 0, session = 's0'): UpdateTag => ({
  client: clientIndex(client),
  task,
  session,
  attempt: 0,
});
const never = new Promise<string>(() => {});

describe('updates that stages work on', () => {
  it('come through, or fail, as their stages say', async () => {
    const staged = new StagedUpdates(['a']);
    expect(await staged.wait(tag(0), Promise.resolve('sound'))).toBe('sound');
    await expect(staged.wait(tag(0), Promise.reject(new Error('a bug')))).rejects.toThrow('a bug');
    expect(staged.close()).toEqual([]);
  });

  it('are given up when their task is settled, and no other', async () => {
    const staged = new StagedUpdates(['a', 'lab/b']);
    const waits = [staged.wait(tag(0), never), staged.wait(tag(1, 1), never), staged.wait(tag(2), never)];
    const late = staged.settled([0, 1, 3].map(clientIndex), 0);
    expect(late).toEqual([
      {
        client: 0,
        task: 0,
        code: 'stage.late',
        message: expect.stringContaining('the stages ("a", "lab/b") had not settled'),
      },
    ]);
    expect(await waits[0]).toBeUndefined();
    expect(staged.settled([clientIndex(0)], 0)).toEqual([]);
    expect(staged.close().map(({ client }) => client)).toEqual([1, 2]);
    expect(await Promise.all(waits)).toEqual([undefined, undefined, undefined]);
  });

  it('are given up with their session', async () => {
    const staged = new StagedUpdates(['a']);
    const waits = [staged.wait(tag(0, 0, 's0'), never), staged.wait(tag(1, 0, 's1'), never)];
    expect(staged.sessionClosed('s1').map(({ client }) => client)).toEqual([1]);
    expect(await waits[1]).toBeUndefined();
    expect(staged.close()).toHaveLength(1);
  });

  it('are one a client: the newer takes the place of the older, whose end changes nothing', async () => {
    const staged = new StagedUpdates(['a']);
    let settle: (text: string) => void = () => {};
    const older = staged.wait(
      tag(0),
      new Promise<string>((resolve) => {
        settle = resolve;
      }),
    );
    const newer = staged.wait(tag(0), never);
    expect(await older).toBeUndefined();
    settle('too late');
    await new Promise((resolve) => setImmediate(resolve));
    expect(staged.settled([clientIndex(0)], 0)).toHaveLength(1);
    expect(await newer).toBeUndefined();
  });
});
