const LEVELS_SHOWN = 3;

/**
 * A value that came as JSON from outside, for a message: as JSON, cut short. What is nested deeper than a few levels is left out: a
 * few kilobytes of brackets can be read, and not be written again, since that takes a level of the stack for each.
 */
export function shownJson(value: unknown, lengthMax = 80): string {
  return (JSON.stringify(pruned(value, LEVELS_SHOWN)) ?? 'undefined').slice(0, lengthMax);
}

function pruned(value: unknown, levels: number): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return levels === 0 ? '[…]' : value.map((item) => pruned(item, levels - 1));
  if (levels === 0) return '{…}';
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, pruned(item, levels - 1)]));
}

/** Whether lists and objects stand in one another on more than so many levels. The value came as JSON: it has no circles. */
export function isNestedDeeper(value: unknown, levelsMax: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; depth <= levelsMax; depth += 1) {
    level = level.flatMap((item) => (typeof item === 'object' && item !== null ? Object.values(item) : []));
    if (level.length === 0) return false;
  }
  return true;
}
