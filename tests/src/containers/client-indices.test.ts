/** Which clients a compute node of deploy/ hosts. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { root } from '../repository/source-tree.js';

interface ClientIndices {
  indicesOf(node: number, nodes: number, clients: number): string;
  placeOf(hostname: string, names: readonly string[]): number | undefined;
  reverseName(address: string): string;
}

const file = pathToFileURL(join(root, 'deploy/image/client-indices.mjs')).href;
const { indicesOf, placeOf, reverseName } = (await import(file)) as ClientIndices;

describe('clients of a node', () => {
  it.each([
    [0, 3, 8, '0,3,6'],
    [1, 3, 8, '1,4,7'],
    [2, 3, 8, '2,5'],
    [0, 1, 2, '0,1'],
    [3, 4, 4, '3'],
  ])('node %i of %i has of %i clients: %s', (node, nodes, clients, own) => {
    expect(indicesOf(node, nodes, clients)).toBe(own);
  });

  it.each([
    [3, 3, 8, /compute node 4, and COMPUTE_NODES says that there are 3/],
    [0, 3, 2, /3 compute nodes cannot share 2 clients/],
  ])('node %i of %i with %i clients is refused', (node, nodes, clients, message) => {
    expect(() => indicesOf(node, nodes, clients)).toThrow(message);
  });
});

describe('the place of a node', () => {
  it.each([
    ['a pod of a StatefulSet', 'fedloom-client-0', [], 0],
    ['another pod', 'fedloom-client-12', ['10-0-0-7.fedloom.default.svc.cluster.local'], 12],
    ['a container of docker-compose', '4f82e5960e60', ['fedloom_ComputeNode_1.fedloom_default'], 0],
    ['a container of docker compose', '4f82e5960e60', ['fedloom-ComputeNode-11.fedloom_default'], 10],
    ['a container of two networks', '4f82e5960e60', ['gateway.other', 'fedloom-ComputeNode-2.fedloom_default'], 1],
    ['nothing that counts', '4f82e5960e60', ['ComputeNode.fedloom_default'], undefined],
    ['no name', '4f82e5960e60', [], undefined],
  ])('%s', (_, hostname, names, place) => {
    expect(placeOf(hostname, names)).toBe(place);
  });

  it('is asked of DNS by the address', () => {
    expect(reverseName('172.18.0.5')).toBe('5.0.18.172.in-addr.arpa');
  });
});
