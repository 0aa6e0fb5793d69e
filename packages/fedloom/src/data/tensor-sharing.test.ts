import { afterEach, describe, expect, it, vi } from 'vitest';
import { sharedBytes, sharedTensor } from './tensor-sharing.js';

afterEach(() => {
  vi.unstubAllGlobals();
});

describe('sharedTensor', () => {
  it('lies in shared memory where there is some, in ordinary memory elsewhere', () => {
    const shared = sharedTensor('float32', [2, 3]);
    expect(shared).toMatchObject({ dtype: 'float32', shape: [2, 3] });
    expect(shared.data).toEqual(new Float32Array(6));
    expect(shared.data.buffer).toBeInstanceOf(SharedArrayBuffer);
    vi.stubGlobal('SharedArrayBuffer', undefined);
    expect(sharedTensor('int64', []).data.buffer).toBeInstanceOf(ArrayBuffer);
    expect(sharedBytes(Uint8Array.of(1, 2)).buffer).toBeInstanceOf(ArrayBuffer);
  });

  it('copies bytes', () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const shared = sharedBytes(bytes);
    bytes[0] = 9;
    expect([...shared]).toEqual([1, 2, 3]);
    expect(shared.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect(sharedBytes(shared)).toBe(shared);
  });
});
