/** One of the sides that are measured in turn. */
export interface Side<T> {
  readonly name: string;
  measure(): Promise<T>;
}

/**
 * Measures the sides in turn, A B A B ..., so that whatever else the machine does meets all of them alike.
 * @returns each side's measurements, those of one repeat at the same place
 */
export async function interleave<T>(
  sides: readonly Side<T>[],
  repeats: number,
  say: (line: string) => void,
): Promise<T[][]> {
  const results: T[][] = sides.map(() => []);
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    for (const [place, side] of sides.entries()) {
      say(`repeat ${repeat + 1} of ${repeats}: ${side.name}`);
      results[place]?.push(await side.measure());
    }
  }
  return results;
}
