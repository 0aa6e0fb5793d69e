import { visibleWidth } from './format.js';
import type { Screen } from './screen.js';

export interface Column<Row> {
  readonly field: keyof Row & string;
  /** Default: the field's name. */
  readonly title?: string;
  readonly right?: boolean;
}

const GAP = '  ';

/** Rows below a head, columns aligned; columns that do not fit the screen are left out from the right. */
export function table<Row extends Readonly<Record<keyof Row & string, string>>>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  screen: Pick<Screen, 'tableColumns' | 'colors'>,
): string[] {
  const widths = columns.map(({ field, title = field }) =>
    Math.max(title.length, ...rows.map((row) => visibleWidth(row[field]))),
  );
  const shown: number[] = [];
  let used = 0;
  for (const [i, width] of widths.entries()) {
    if (i > 0 && used + GAP.length + width > screen.tableColumns) break;
    used += (i > 0 ? GAP.length : 0) + width;
    shown.push(i);
  }
  const line = (cell: (column: Column<Row>) => string) =>
    shown
      .map((i) => {
        const column = columns[i] as Column<Row>;
        const text = cell(column);
        const padding = ' '.repeat((widths[i] as number) - visibleWidth(text));
        return column.right ? padding + text : text + padding;
      })
      .join(GAP)
      .trimEnd();
  return [
    screen.colors.dim(line(({ field, title }) => title ?? field)),
    ...rows.map((row) => line(({ field }) => row[field])),
  ];
}
