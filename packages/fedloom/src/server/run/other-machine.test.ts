import { describe, expect, it } from 'vitest';
import { namedHash } from '../../conformance/named-hash.js';
import { otherMachine } from './other-machine.js';

const now = {
  versions: { fedloom: '0.1.0', node: '22.1.0', onnxruntime: '1.27.0' },
  processor: { model: 'EPYC', cores: 2, architecture: 'x64', platform: 'linux' },
};
const begun = {
  run: 'r',
  plan: { hash: namedHash('h') },
  versions: { ...now.versions, fedloom: 'fedloom/0.1.0' },
  processor: { model: 'EPYC', architecture: 'x64', platform: 'linux' },
};

describe('a run that goes on', () => {
  it('where it was begun has nothing to warn of, whatever the cores', () => {
    expect(otherMachine(begun, { ...now, processor: { ...now.processor, cores: 64 } })).toBeUndefined();
  });

  it.each([
    ['processor: EPYC (linux, x64) then, M1 (linux, x64) now', { processor: { ...now.processor, model: 'M1' } }],
    [
      'processor: EPYC (linux, x64) then, EPYC (linux, arm64) now',
      { processor: { ...now.processor, architecture: 'arm64' } },
    ],
    [
      'processor: EPYC (linux, x64) then, EPYC (darwin, x64) now',
      { processor: { ...now.processor, platform: 'darwin' } },
    ],
    ['Node: 22.1.0 then, 24.0.0 now', { versions: { ...now.versions, node: '24.0.0' } }],
    ['ONNX Runtime: 1.27.0 then, 1.30.0 now', { versions: { ...now.versions, onnxruntime: '1.30.0' } }],
    [
      'Node: 22.1.0 then, 24.0.0 now; ONNX Runtime: 1.27.0 then, 1.30.0 now',
      { versions: { ...now.versions, node: '24.0.0', onnxruntime: '1.30.0' } },
    ],
  ])('elsewhere is told so: %s', (what, changed) => {
    expect(otherMachine(begun, { ...now, ...changed })).toEqual({
      code: 'journal.other-machine',
      message: expect.stringContaining(`The run r goes on where it was not begun (${what}).`),
    });
  });

  it('with training code of its own does not depend on ONNX Runtime', () => {
    const versions = { ...now.versions, onnxruntime: '1.30.0' };
    expect(otherMachine({ ...begun, plan: null }, { ...now, versions })).toBeUndefined();
  });

  it('and does not know where it was begun says nothing of it', () => {
    expect(otherMachine({ run: 'r', plan: null, versions: { fedloom: 'fedloom/0.1.0' } }, now)).toBeUndefined();
  });
});
