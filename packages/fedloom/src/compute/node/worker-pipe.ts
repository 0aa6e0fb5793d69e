import type { Duplex } from 'node:stream';

/** Where a worker process finds the pipe on which frames go both ways. */
export const FRAMES_FD = 3;

/** @param written told when the pieces' memory may be used again */
export function writePieces(pipe: Duplex, pieces: readonly Uint8Array[], written?: () => void): void {
  pipe.cork();
  for (const [at, piece] of pieces.entries()) {
    pipe.write(
      Buffer.from(piece.buffer, piece.byteOffset, piece.length),
      at === pieces.length - 1 ? written : undefined,
    );
  }
  pipe.uncork();
}
