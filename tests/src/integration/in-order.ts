import { definePartition } from 'fedloom';

/** Samples as they lie, client 0's first: for data of which each client's differ. Their number must be a multiple of the clients. */
export const inOrder = definePartition({
  name: 'inOrder',
  partition({ y }, clients) {
    const samples = y.shape[0] ?? 0;
    return {
      offsets: Int32Array.from({ length: clients + 1 }, (_, i) => (i * samples) / clients),
      rows: Int32Array.from({ length: samples }, (_, i) => i),
    };
  },
});
