import type { PlanManifest } from '@fedloom/engine';
import { expect, it } from 'vitest';
import { defineTask } from '../task/define-task.js';
import { smallDefinition, smallSpec } from '../task/testing/small-task.js';
import { partitionedSource } from './partitioned-source.js';

const federation = { run: 'r', clients: 2, seed: 0, algorithm: 'fedAvg' };

function opened(own: string | undefined, plan: string | undefined): Promise<void> {
  const definition = smallDefinition();
  const spec = async () => ({ ...smallSpec, ...(own !== undefined && { encoding: own }) });
  const source = partitionedSource(defineTask({ ...definition, data: { ...definition.data, spec } }));
  const data = { ...smallSpec, ...(plan !== undefined && { encoding: plan }) };
  return source.open({ data } as PlanManifest, federation);
}

it('refuses rows that this process makes into other numbers than the plan was made for', async () => {
  await expect(opened('sha256:aa', 'sha256:bb')).rejects.toThrow(
    expect.objectContaining({ code: 'data.encoding', message: expect.stringContaining('npx fedloom statistics') }),
  );
  await expect(opened('sha256:aa', 'sha256:aa')).resolves.toBeUndefined();
  await expect(opened(undefined, undefined)).resolves.toBeUndefined();
});
