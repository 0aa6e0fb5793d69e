import { FedloomError } from '@fedloom/engine';
import { type Bound, parseBound } from '../../core/bound.js';
import { shortNumber } from '../../core/short-number.js';
import {
  PARTS,
  type SizedUpdate,
  type UpdatePart,
  type UpdateSize,
  type UsualUpdate,
  usualOf,
} from '../../update/usual-update.js';

/** As in `RunOptions`. */
export interface BoundOptions {
  readonly updateNormMax?: number | string;
  readonly sampleCountMax?: number | string;
}

/** What stops nothing but what no training comes to. */
export const UPDATE_NORM_MAX = '1000x';
/** Federations are skewed by themselves: some clients have thousands of times as many samples as others. */
export const SAMPLE_COUNT_MAX = 'none';

/** Closed rounds that say what is usual: many enough for a median, few enough to follow updates that become smaller. */
const ROUNDS = 10;
const NO_BOUND: UpdateSize = {
  sampleCount: Number.POSITIVE_INFINITY,
  norms: { trained: Number.POSITIVE_INFINITY, buffer: Number.POSITIVE_INFINITY, upload: Number.POSITIVE_INFINITY },
};
/** Of fewer updates none is in the middle. */
const UPDATES_MIN = 3;

const NAMES: Readonly<Record<UpdatePart, string>> = {
  trained: 'trained parameters',
  buffer: 'buffers',
  upload: 'uploads of the algorithm',
};

export interface UpdateBoundsOptions {
  readonly given: BoundOptions;
  /** Of a run that goes on: what was usual in its last rounds, ascending. */
  readonly usual?: readonly UsualUpdate[];
  /** The fold bears what lies far out by itself. Default: a mean, which does not. */
  readonly isRobust?: boolean;
  /**
   * A replay asks only for updates that were folded: who was refused is decided, and which rounds were void for what they held, which
   * nobody can train again.
   */
  readonly replayed?: { readonly outlierRounds: ReadonlySet<number> };
}

/** What of a round's updates is beyond the bounds, and what was usual among the others. */
export interface Judgement {
  readonly outliers: readonly SizedUpdate[];
  /** Null: there are no others. */
  readonly usual: UsualUpdate | null;
}

/**
 * What an update may claim and be: absolute, and as a multiple of what was usual in the last rounds that are closed. So neither the
 * order of arrival nor a restart shows in what is refused. Sums keep no update: as long as there is nothing to compare
 * with, in the first round, its updates are judged when it closes, by their own median; it is void if one is beyond.
 */
export class UpdateBounds {
  readonly #norm: Bound;
  readonly #samples: Bound;
  readonly #options: UpdateBoundsOptions;
  readonly #rounds: UsualUpdate[];
  #usual: UpdateSize | undefined;
  /** What an update may be until the next round is closed. */
  #most: UpdateSize = NO_BOUND;

  /** @throws FedloomError `bound.syntax` */
  constructor(options: UpdateBoundsOptions) {
    const { updateNormMax = UPDATE_NORM_MAX, sampleCountMax = SAMPLE_COUNT_MAX } = options.given;
    this.#norm = parseBound(updateNormMax, 'updateNormMax');
    this.#samples = parseBound(sampleCountMax, 'sampleCountMax');
    this.#options = options;
    this.#rounds = [...(options.usual ?? [])].slice(-ROUNDS);
    this.#compare();
  }

  /** @throws FedloomError `update.norm`, `update.sample-count` */
  check({ client, sampleCount, norms }: SizedUpdate): void {
    const most = this.#most;
    if (sampleCount > most.sampleCount) {
      const who = `client ${client}`;
      const why = whyNot(sampleCount, this.#samples, this.#usual?.sampleCount);
      const message = `The update of ${who} reports ${sampleCount} samples: ${why}`;
      throw new FedloomError('update.sample-count', message, { who, sampleCount, sampleCountMax: most.sampleCount });
    }
    for (const part of PARTS) {
      const norm = norms[part];
      if (norm <= most.norms[part]) continue;
      const who = `client ${client}`;
      const why = whyNot(norm, this.#boundOf(part), this.#usual?.norms[part]);
      const message = `The update of ${who} has a norm of ${shortNumber(norm)} in its ${NAMES[part]}: ${why}`;
      throw new FedloomError('update.norm', message, { who, part, norm, normMax: most.norms[part] });
    }
  }

  /** Of a round that closes: all of its updates. */
  judge(round: number, updates: readonly SizedUpdate[]): Judgement {
    if (this.#options.replayed !== undefined) {
      return { outliers: this.#options.replayed.outlierRounds.has(round) ? updates : [], usual: null };
    }
    const outliers = this.#isJudged(updates) ? this.#beyond(updates) : [];
    const others = outliers.length === 0 ? updates : updates.filter((update) => !outliers.includes(update));
    return { outliers, usual: others.length === 0 ? null : { updates: others.length, ...usualOf(others) } };
  }

  /** A round has made a version, or was void for what `judge` found; in the order of the rounds. */
  accept(usual: UsualUpdate): void {
    this.#rounds.push(usual);
    if (this.#rounds.length > ROUNDS) this.#rounds.shift();
    this.#compare();
  }

  #isJudged({ length }: readonly SizedUpdate[]): boolean {
    return length >= UPDATES_MIN && this.#usual === undefined && !this.#options.isRobust;
  }

  #beyond(updates: readonly SizedUpdate[]): SizedUpdate[] {
    const usual = usualOf(updates);
    return updates.filter(
      ({ sampleCount, norms }) =>
        sampleCount > limit(this.#samples, usual.sampleCount) ||
        PARTS.some((part) => norms[part] > limit(relative(this.#norm), usual.norms[part])),
    );
  }

  /** Norms of one part say nothing of those of another: a number is for what is trained. */
  #boundOf(part: UpdatePart): Bound {
    return part === 'trained' ? this.#norm : relative(this.#norm);
  }

  #compare(): void {
    const updates = this.#rounds.reduce((sum, round) => sum + round.updates, 0);
    this.#usual = updates < UPDATES_MIN ? undefined : usualOf(this.#rounds);
    if (this.#options.replayed !== undefined) return;
    const norm = (part: UpdatePart) => limit(this.#boundOf(part), this.#usual?.norms[part]);
    this.#most = {
      sampleCount: limit(this.#samples, this.#usual?.sampleCount),
      norms: { trained: norm('trained'), buffer: norm('buffer'), upload: norm('upload') },
    };
  }
}

function relative({ times }: Bound): Bound {
  return { absolute: null, times };
}

/** @param usual undefined, or 0: there is nothing to compare with */
function limit({ absolute, times }: Bound, usual = 0): number {
  const multiple = times === null || usual === 0 ? Number.POSITIVE_INFINITY : times * usual;
  return Math.min(absolute ?? Number.POSITIVE_INFINITY, multiple);
}

/** @param value beyond the limit */
function whyNot(value: number, { absolute, times }: Bound, usual = 0): string {
  if (times === null || usual === 0 || (absolute !== null && absolute < times * usual))
    return `${absolute} is allowed here.`;
  return `that is ${shortNumber(value / usual)} times what was usual in the last rounds, and ${times} times is allowed here.`;
}
