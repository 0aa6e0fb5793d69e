import { counted, fitting, formatCount } from './format.js';
import type { Screen } from './screen.js';

/** What a client was dealt. */
export interface ClientShare {
  readonly client: number;
  readonly train: number;
  readonly test: number;
  /** Training samples of each label; empty where `y` holds no labels. */
  readonly labels: readonly number[];
}

/** More clients than this are counted, not drawn. */
const CLIENTS_MAX = 40;
const GAP = '  ';
/** None, and up to a quarter, half, three quarters and all of the most that any client has of a label. */
const NONE = '·';
const SHADES = ['░', '▒', '▓', '█'];
const BAR = '█';
const CUT = '…';

/** Which client has how many training samples of which label, drawn for a terminal. */
export function partitionLines(shares: readonly ClientShare[], screen: Pick<Screen, 'columns' | 'colors'>): string[] {
  const drawn = shares.slice(0, CLIENTS_MAX);
  const numbers = numberColumns(drawn, screen.columns);
  const room = screen.columns - numbers.width - GAP.length;
  const picture = drawn.some(({ labels }) => labels.length > 0) ? heatMap(drawn, room) : bars(drawn, room);
  const line = (left: string, right: string) => `${left}${GAP}${right}`.trimEnd();
  const more = shares.length - drawn.length;
  return [
    screen.colors.dim(line(numbers.head, picture.head)),
    ...drawn.map((_share, at) => line(numbers.rows[at] ?? '', picture.rows[at] ?? '')),
    ...(more > 0 ? [screen.colors.dim(`and ${counted(more, 'client')} more`)] : []),
    '',
    ...summary(shares, screen.columns),
    ...(picture.legend.length === 0 ? [] : [screen.colors.dim(fitting(picture.legend, screen.columns, ' '))]),
  ];
}

interface Picture {
  readonly head: string;
  readonly rows: readonly string[];
  readonly legend: readonly string[];
}

/** Client, training and test samples, the last where there is room for it. */
function numberColumns(shares: readonly ClientShare[], columns: number) {
  const labels = shares[0]?.labels.length ?? 0;
  const fields = (['client', 'train', 'test'] as const).map((name) => {
    const texts = shares.map((share) => (name === 'client' ? String(share[name]) : formatCount(share[name])));
    const width = Math.max(name.length, ...texts.map(({ length }) => length));
    return { width, head: name.padStart(width), texts: texts.map((text) => text.padStart(width)) };
  });
  const widthOf = (some: typeof fields) => some.reduce((sum, { width }) => sum + width, GAP.length * (some.length - 1));
  const all = widthOf(fields) + GAP.length + labels * labelWidth(labels) <= columns ? fields : fields.slice(0, 2);
  return {
    width: widthOf(all),
    head: all.map(({ head }) => head).join(GAP),
    rows: shares.map((_share, at) => all.map(({ texts }) => texts[at] ?? '').join(GAP)),
  };
}

/** Columns of a label: its number, and a blank. */
function labelWidth(labels: number): number {
  return String(Math.max(0, labels - 1)).length + 1;
}

function heatMap(shares: readonly ClientShare[], room: number): Picture {
  const labels = shares[0]?.labels.length ?? 0;
  const width = labelWidth(labels);
  const shown = labels * width <= room ? labels : Math.max(1, Math.floor((room - width) / width));
  const most = Math.max(1, ...shares.map((share) => Math.max(...share.labels)));
  const cut = shown < labels ? CUT.padStart(width) : '';
  const cells = (texts: readonly string[]) =>
    texts
      .slice(0, shown)
      .map((text) => text.padStart(width))
      .join('')
      .slice(1);
  return {
    head: cells(Array.from({ length: labels }, (_, label) => String(label))) + cut,
    rows: shares.map((share) => cells(share.labels.map((count) => shade(count, most))) + cut),
    legend: [
      `${NONE} 0`,
      ...SHADES.map((sign, at) => `${sign} ${formatCount(Math.ceil((most * (at + 1)) / SHADES.length))}`),
      'at most',
    ],
  };
}

function shade(count: number, most: number): string {
  if (count === 0) return NONE;
  return SHADES[Math.ceil((count * SHADES.length) / most) - 1] ?? BAR;
}

/** Sizes alone, where there are no labels. */
function bars(shares: readonly ClientShare[], room: number): Picture {
  const most = Math.max(1, ...shares.map(({ train }) => train));
  return {
    head: '',
    rows: shares.map(({ train }) => BAR.repeat(Math.max(1, Math.round((train / most) * Math.max(1, room))))),
    legend: [],
  };
}

function summary(shares: readonly ClientShare[], columns: number): string[] {
  const range = (what: string, values: readonly number[]) => {
    const sorted = [...values].sort((a, b) => a - b);
    const [least, most] = [formatCount(sorted[0] ?? 0), formatCount(sorted.at(-1) ?? 0)];
    if (least === most) return `${what}: ${least}`;
    const median = `median ${formatCount(sorted[Math.floor(sorted.length / 2)] ?? 0)}`;
    return fitting([`${what}: ${least} to ${most}`, median], columns, ', ');
  };
  const held = shares.map(({ labels }) => labels.filter((count) => count > 0).length);
  return [
    range(
      'train samples a client',
      shares.map(({ train }) => train),
    ),
    ...(shares.some(({ labels }) => labels.length > 0) ? [range('labels a client', held)] : []),
  ];
}
