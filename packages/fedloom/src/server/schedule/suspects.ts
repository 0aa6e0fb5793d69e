import type { Suspect } from '../../core/records.js';
import { shortNumber } from '../../core/short-number.js';
import { PARTS, type SizedUpdate, type UpdateSize, usualOf } from '../../update/usual-update.js';

/** So many times as large as the median: no honest training among like ones stands out so. */
const TIMES_MIN = 10;
const SUSPECTS_MAX = 8;

const MEASURES = [...PARTS, 'sampleCount'] as const;

/**
 * Those updates of a void round that stand out, the most suspicious first: whose norms, or claimed samples, are at least ten times
 * the median of all.
 */
export function suspectsOf(updates: readonly SizedUpdate[]): readonly Suspect[] {
  if (updates.length === 0) return [];
  const usual = usualOf(updates);
  const found = updates.flatMap((update): Suspect[] => {
    const all = MEASURES.map((measure) => ({ measure, times: timesOf(update, usual, measure) }));
    const most = all.reduce((one, other) => (other.times > one.times ? other : one));
    if (most.times < TIMES_MIN) return [];
    const { client, sampleCount, norms } = update;
    return [{ client, ...most, norm: norms[most.measure === 'sampleCount' ? 'trained' : most.measure], sampleCount }];
  });
  return found.sort((a, b) => b.times - a.times || a.client - b.client).slice(0, SUSPECTS_MAX);
}

/** 0 where it is usually 0: nothing is a multiple of that. */
function timesOf(update: UpdateSize, usual: UpdateSize, measure: (typeof MEASURES)[number]): number {
  const common = sizeIn(usual, measure);
  return common === 0 ? 0 : Math.min(sizeIn(update, measure) / common, Number.MAX_VALUE);
}

function sizeIn({ sampleCount, norms }: UpdateSize, measure: (typeof MEASURES)[number]): number {
  return measure === 'sampleCount' ? sampleCount : norms[measure];
}

const WHAT: Readonly<Record<Suspect['measure'], string>> = {
  trained: 'its changes are',
  buffer: 'its buffers are',
  upload: 'its uploads are',
  sampleCount: 'the samples that it claims are',
};

/** A sentence for people: whom to look at. @param suspects at least one */
export function suspectsText(suspects: readonly Suspect[]): string {
  const each = suspects.map(({ client, measure, times, norm, sampleCount }) => {
    const size = `norm ${shortNumber(norm)}, ${sampleCount} ${sampleCount === 1 ? 'sample' : 'samples'}`;
    return `client ${client}: ${WHAT[measure]} ${shortNumber(times)} times the median (${size})`;
  });
  return `Suspicious: ${each.join('; ')}.`;
}
