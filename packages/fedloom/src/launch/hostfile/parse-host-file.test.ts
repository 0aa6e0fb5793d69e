import { FedloomError, isFedloomError } from '@fedloom/engine';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseHostFile, parseSlurmJob } from './parse-host-file.js';

const hostsOf = (text: string) => parseHostFile(text, 'hosts').hosts;
const namesOf = (text: string) => hostsOf(text).map(({ name }) => name);
const errorOf = (parse: () => unknown) => {
  try {
    parse();
  } catch (error) {
    if (error instanceof FedloomError) return error;
  }
  throw new Error('nothing was wrong');
};
const messageOf = (text: string) => errorOf(() => hostsOf(text)).message;

describe('a host file', () => {
  it('of plain names: one a line, which take any number of processes', () => {
    expect(hostsOf('HeadNode\nComputeNode1\nComputeNode2\n')).toEqual([
      { name: 'HeadNode' },
      { name: 'ComputeNode1' },
      { name: 'ComputeNode2' },
    ]);
  });

  it('may come from any editor: byte order mark, line ends of Windows, blanks, empty lines, comments, no last line end', () => {
    const text =
      '\uFEFF# the cluster\r\n  HeadNode \t\r\n\r\nnode-1.lab.example.org # in the cellar\r\n#node-2\r\n10.0.0.7';
    expect(namesOf(text)).toEqual(['HeadNode', 'node-1.lab.example.org', '10.0.0.7']);
  });

  it('of Open MPI: slots, the greatest number, users', () => {
    const text = 'a slots=2 max_slots=4\nbob@b slots = 3\nc max-slots=5 user=eve\nd cpus=2\ne count=1';
    expect(hostsOf(text)).toEqual([
      { name: 'a', slots: 2, slotsMax: 4 },
      { name: 'b', user: 'bob', slots: 3 },
      { name: 'c', user: 'eve', slotsMax: 5 },
      { name: 'd', slots: 2 },
      { name: 'e', slots: 1 },
    ]);
  });

  it('of Open MPI: a host that is repeated has a slot more', () => {
    expect(hostsOf('a slots=2\nb slots=1\na')).toEqual([
      { name: 'a', slots: 3 },
      { name: 'b', slots: 1 },
    ]);
  });

  it('of MPICH: how many processes behind a colon', () => {
    expect(hostsOf('a:4\nbob@b:2')).toEqual([
      { name: 'a', slots: 4 },
      { name: 'b', user: 'bob', slots: 2 },
    ]);
  });

  it('of PBS: a slot for each line, also for hosts that stand there once', () => {
    expect(hostsOf('n1\nn1\nn2\nn1')).toEqual([
      { name: 'n1', slots: 3 },
      { name: 'n2', slots: 1 },
    ]);
  });

  it('of addresses of IPv6, with and without a number', () => {
    expect(hostsOf('fe80::1\n[2001:db8::7]:3\n[::2]\n')).toEqual([
      { name: 'fe80::1' },
      { name: '2001:db8::7', slots: 3 },
      { name: '::2' },
    ]);
  });

  it.each([
    ['tux[0-2,12]', ['tux0', 'tux1', 'tux2', 'tux12']],
    ['tux[008-011]', ['tux008', 'tux009', 'tux010', 'tux011']],
    ['r[1-2]n[0-1]-ib', ['r1n0-ib', 'r1n1-ib', 'r2n0-ib', 'r2n1-ib']],
    ['login,tux[3,5],gpu1', ['login', 'tux3', 'tux5', 'gpu1']],
    ['SLURM_JOB_NODELIST=tux[0-1]', ['tux0', 'tux1']],
    ['export SLURM_NODELIST="tux[0-1]"  # today', ['tux0', 'tux1']],
  ])('of Slurm: %s', (text, names) => {
    expect(namesOf(text)).toEqual(names);
  });

  it('of Slurm with its tasks', () => {
    const text = 'SLURM_JOB_ID=7\nSLURM_TASKS_PER_NODE=2(x2),1\nSLURM_JOB_NODELIST=tux[0-1,9]\n';
    expect(hostsOf(text)).toEqual([
      { name: 'tux0', slots: 2 },
      { name: 'tux1', slots: 2 },
      { name: 'tux9', slots: 1 },
    ]);
  });

  it.each([
    ['a\n  -oProxyCommand=evil', 'hosts:2:3: "-oProxyCommand=evil" is no name of a host'],
    ['a slot=3', 'hosts:1:3: unknown setting "slot". Did you mean "slots"?'],
    ['a slots=two', 'hosts:1:9: slots must be a whole number of at least 1, but is "two".'],
    ['a slots=0', 'hosts:1:9: slots must be a whole number'],
    ['a b', 'hosts:1:3: "b" stands where slots=N could: one host a line.'],
    ['a:x', 'hosts:1:3: how many processes the host takes must be'],
    ['a slots=4 max_slots=2', '4 slots are more than the 2'],
    ['a:2 slots=2', 'stands behind a colon and in slots='],
    ['bob@a user=eve', 'the user is bob here and eve further on'],
    ['bob@a\neve@a', 'a stands there with several users'],
    ['tux[0-', 'hosts:1:4: this bracket is not closed.'],
    ['tux0]', 'hosts:1:5: a closing bracket without'],
    ['tux[[0]]', 'hosts:1:5: a bracket within brackets'],
    ['tux[5-2]', 'hosts:1:5: "5-2" is no range'],
    ['tux[1,x]', 'hosts:1:7: "x" is no range'],
    ['tux[0-99999999]', 'more than 100000 hosts'],
    [`tux[${'9'.repeat(400)}]`, 'is no range of numbers'],
    [`${'a'.repeat(251)}[100-199]`, 'a name of more than 253 characters'],
    [`a${'[1]'.repeat(20_000)}`, 'a name of more than 253 characters'],
    ['tux[0-400]x[0-400]', 'more than 100000 hosts'],
    ['a,,b', 'hosts:1:3: a host is missing here'],
    ['SLURM_TASKS_PER_NODE=2(y3)\na', 'hosts:1:22: "2(y3)" does not say'],
    ['SLURM_TASKS_PER_NODE=2(x3)\na', 'hosts:1:1: tasks for 3 nodes, but the list has 1'],
    ['../hosts', '"../hosts" is no name of a host'],
  ])('%s is refused where it is wrong', (text, message) => {
    expect(messageOf(text)).toContain(message);
  });

  it.each(['', '\n\n', '# nobody\n', 'SLURM_JOB_ID=7\n'])('without a host is refused: %j', (text) => {
    expect(errorOf(() => hostsOf(text))).toMatchObject({ code: 'hostfile.empty', fields: { source: 'hosts' } });
  });

  it('of any text is read or refused by name', () => {
    const text = fc.string({ unit: fc.constantFrom(...'ab01[],-:@#=( )x\n\tslots=') });
    fc.assert(
      fc.property(text, (content) => {
        try {
          const names = namesOf(content);
          expect(new Set(names).size).toBe(names.length);
        } catch (error) {
          expect(isFedloomError(error, 'hostfile.syntax') || isFedloomError(error, 'hostfile.empty')).toBe(true);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('a Slurm job', () => {
  it('has its nodes and tasks in variables', () => {
    expect(parseSlurmJob('tux[1-2]', '4(x2)').hosts).toEqual([
      { name: 'tux1', slots: 4 },
      { name: 'tux2', slots: 4 },
    ]);
    expect(parseSlurmJob('tux1', undefined).hosts).toEqual([{ name: 'tux1' }]);
  });

  it('whose variables are damaged is refused by their names', () => {
    expect(errorOf(() => parseSlurmJob('tux[1-2', undefined)).message).toContain('SLURM_JOB_NODELIST, column 4:');
    expect(errorOf(() => parseSlurmJob('tux[1-2]', '4(x3)')).message).toContain(
      'SLURM_TASKS_PER_NODE, column 1: tasks for 3',
    );
  });
});
