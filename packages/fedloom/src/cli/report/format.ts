import type { ReportedResults } from '../../core/records.js';

/** `31,402` */
export function formatCount(value: number): string {
  // By hand: the first use of the platform's own formats takes 30 ms.
  return String(Math.round(value)).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** `1 client`, `31,402 samples`, `2 processes` */
export function counted(count: number, singular: string): string {
  const plural = singular.endsWith('s') ? 'es' : 's';
  return `${formatCount(count)} ${singular}${count === 1 ? '' : plural}`;
}

/** `0.4 s`, `38 s`, `3 min 5 s`, `2 h 10 min` */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < 100) return `${whole} s`;
  if (whole < 6000) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  const minutes = Math.round(whole / 60);
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Four significant digits for a loss; a percentage for an accuracy. */
export function formatMetric(name: string, value: number): string {
  if (isFraction(name)) return `${(100 * value).toFixed(2)} %`;
  if (!Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e6)) return value.toExponential(3);
  return value.toFixed(size < 10 ? 4 : size < 1000 ? 2 : 0);
}

export function isFraction(name: string): boolean {
  return /accuracy|precision|recall|^f1/i.test(name);
}

/** The named numbers of an evaluation, the most telling first: accuracy, what else there is, the loss last. */
export function scalarMetrics(results: ReportedResults | null): readonly (readonly [name: string, value: number])[] {
  const rank = (name: string) => (/accuracy/i.test(name) ? 0 : name === 'loss' ? 2 : 1);
  return Object.entries(results ?? {})
    .filter((entry): entry is [string, number] => typeof entry[1] === 'number')
    .sort(([a], [b]) => rank(a) - rank(b));
}

/** All results of a round or a run by name: the server's, and those that the clients' tests alone gave. */
export function allResults(
  metrics: ReportedResults | null,
  clientMetrics: ReportedResults | null,
): ReportedResults | null {
  return metrics === null && clientMetrics === null ? null : { ...clientMetrics, ...metrics };
}

/** `meanSquaredError` as people write it: `mean squared error`. */
export function metricLabel(name: string): string {
  return name.replace(/([a-z\d])([A-Z])/g, (_all, before: string, after: string) => `${before} ${after.toLowerCase()}`);
}

/** Parts that fit into a width, joined; those that do not fit are left out from the end. The first always stays. */
export function fitting(parts: readonly string[], width: number, separator = ' · '): string {
  let text = '';
  for (const part of parts) {
    const longer = text === '' ? part : text + separator + part;
    if (text !== '' && visibleWidth(longer) > width) break;
    text = longer;
  }
  return text;
}

/** All of the parts, joined, in as many lines of a width as they need. */
export function wrapped(parts: readonly string[], width: number, separator = ' · '): readonly string[] {
  const lines: string[] = [];
  for (const part of parts) {
    const last = lines.at(-1);
    const longer = last === undefined ? undefined : last + separator + part;
    if (longer !== undefined && visibleWidth(longer) <= width) lines[lines.length - 1] = longer;
    else lines.push(part);
  }
  return lines;
}

/** Text cut to a width, with an ellipsis where it was cut. */
export function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

export function visibleWidth(text: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours begin with the escape character
  return text.replace(/\u001b\[[\d;]*m/g, '').length;
}

const UNITS = ['bytes', 'kB', 'MB', 'GB', 'TB'] as const;

/** `1.5 MB`: in powers of 1,000. */
export function formatBytes(bytes: number): string {
  const power = Math.min(UNITS.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${UNITS[power]}`;
}
