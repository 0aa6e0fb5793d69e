import { runCommand } from '../command.js';
import { interleave } from '../interleave.js';
import { benchmarksFolder, fedloomCommand } from '../places.js';
import { rowOf } from '../row.js';
import { runProgram } from '../spawned.js';
import type { Workload } from '../workload.js';

export const startup: Workload = {
  name: 'startup',
  summary: 'importing the library, the command that does nothing, and one round of one client',
  comparesWithPyTorch: false,
  async run({ repeats, say }) {
    const program = (name: string, args: readonly string[]) => ({
      name,
      measure: async () => (await runProgram(process.execPath, args, { cwd: benchmarksFolder })).wallSeconds * 1000,
    });
    const importing = "import('fedloom')";
    const sides = [
      program('node alone', ['-e', '0']),
      program('import', ['-e', importing]),
      program('fedloom --version', [fedloomCommand, '--version']),
      {
        name: 'one round',
        measure: async () => (await runCommand('lr', { clients: 1000, perRound: 1, rounds: 1 })).wallSeconds * 1000,
      },
    ];
    const [node = [], ...others] = await interleave(sides, repeats(5), say);
    const measures = [
      `whole process, ${importing}`,
      'whole process, fedloom --version',
      'whole process, lr with 1 round of 1 client',
    ];
    return measures.map((measure, i) =>
      rowOf({
        workload: 'startup',
        measure,
        unit: 'ms',
        ours: others[i] ?? [],
        peer: { name: 'Node alone', values: node },
        ratio: 'ours/peer',
      }),
    );
  },
};
