import { parseHostFile, parseSlurmJob } from '../../../../packages/fedloom/dist/launch/hostfile/parse-host-file.js';
import { type Target, textOf, unlessRefused, utf8 } from '../target.js';

/** Host files of four kinds, and what Slurm says in the environment: what stands before the first `|` is its tasks. */
export const target: Target = {
  seeds: () =>
    [
      'tux0 slots=2 max_slots=4\nme@tux1 slots=1 # beside\n',
      'a:2\nb\n[fe80::1]:3\na:1\n',
      'SLURM_JOB_NODELIST=tux[0-2,12],r[1-2]n[03-04]\nexport SLURM_TASKS_PER_NODE="2(x3),1"\n',
      '2(x3),1|tux[0-2,12]',
    ].map(utf8),
  run(input) {
    const text = textOf(input);
    unlessRefused(/^hostfile\./, () => parseHostFile(text, 'hosts'));
    const bar = text.indexOf('|');
    unlessRefused(/^hostfile\./, () => parseSlurmJob(text.slice(bar + 1), bar < 0 ? undefined : text.slice(0, bar)));
  },
};
