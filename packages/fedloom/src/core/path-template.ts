/**
 * A path with the places of a client filled in: `{index}` is its index, from 0, `{rank}` the same from 1, as the ranks of an
 * MPI job are counted whose rank 0 serves.
 */
export function pathOfClient(template: string, index: number): string {
  return template.replaceAll('{rank}', String(index + 1)).replaceAll('{index}', String(index));
}

/** Whether the path differs from client to client. */
export function namesClient(template: string): boolean {
  return /\{(?:rank|index)\}/.test(template);
}
