import { appendFile, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { WatchedFile } from './watched-file.js';

it('tells everybody who watches that the file has changed, and warns of nothing', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fedloom-watched-'));
  const file = join(folder, 'names');
  await writeFile(file, 'a\n', { mode: 0o600 });
  const warned = vi.fn();
  process.on('warning', warned);
  try {
    const watched = new WatchedFile(file, (text) => text.trim().split('\n'), warned);
    const told = Array.from({ length: 20 }, () => vi.fn());
    const ends = told.map((one) => watched.watch(one));
    ends[0]?.();
    await appendFile(file, 'b\n');
    await vi.waitFor(() => expect(told[19]).toHaveBeenCalled(), { timeout: 20_000 });
    expect(watched.value).toEqual(['a', 'b']);
    expect(told.map(({ mock }) => mock.calls.length > 0)).toEqual([false, ...new Array<boolean>(19).fill(true)]);
    for (const end of ends) end();
    expect(warned).not.toHaveBeenCalled();
  } finally {
    process.off('warning', warned);
    await rm(folder, { recursive: true });
  }
}, 30_000);
