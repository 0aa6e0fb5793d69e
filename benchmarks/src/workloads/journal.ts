import type { JournalInput, JournalOutput } from '../children/journal.js';
import { interleave } from '../interleave.js';
import { rowOf } from '../row.js';
import { askChild } from '../spawned.js';
import { median } from '../stats.js';
import type { Workload } from '../workload.js';

export const journal: Workload = {
  name: 'journal',
  summary: 'logistic regression with its journal and without: time a round, waits for the disk',
  comparesWithPyTorch: false,
  async run({ quick, repeats, say }) {
    const rounds = quick ? 5 : 100;
    const side = (name: string, keeps: boolean) => ({
      name,
      measure: () => askChild<JournalOutput>('journal', { keeps, rounds } satisfies JournalInput),
    });
    const results = await interleave([side('journal on', true), side('journal off', false)], repeats(9), say);
    const [on = [], off = []] = results;
    return [
      rowOf({
        workload: 'journal',
        measure: 'time a round of lr, journal on',
        unit: 'ms',
        ours: on.map(roundMs),
        peer: { name: 'journal off', values: off.map(roundMs) },
        ratio: 'ours/peer',
        note: waitsNote(on),
      }),
    ];
  },
};

function roundMs({ rounds }: JournalOutput): number {
  return median(rounds.map(({ ms }) => ms));
}

/** How long the disk takes of a round. The next cohort trains meanwhile: what it costs is the difference of the two sides. */
function waitsNote(outputs: readonly JournalOutput[]): string {
  const each = outputs.flatMap((output) => {
    const { waits, roundsInAll, rounds } = output;
    if (waits === null) return [];
    const waitMs = waits.waitMs / roundsInAll;
    const meanMs = rounds.reduce((sum, { ms }) => sum + ms, 0) / rounds.length;
    return [{ count: waits.waits / roundsInAll, waitMs, share: waitMs / meanMs }];
  });
  const of = (name: 'count' | 'waitMs' | 'share') => median(each.map((one) => one[name]));
  return (
    `${of('count').toFixed(2)} waits for the disk a round, ${of('waitMs').toFixed(2)} ms, as long as ` +
    `${(100 * of('share')).toFixed(0)} % of a round; the next cohort trains meanwhile`
  );
}
