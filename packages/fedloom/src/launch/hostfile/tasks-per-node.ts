import type { TextLine } from './text-line.js';

const NODES_MAX = 100_000;

/**
 * What `SLURM_TASKS_PER_NODE` says, a number for each node in order: `2(x3),1` is 2, 2, 2, 1.
 * @param at where in the line the text begins, from 0
 */
export function tasksPerNode(line: TextLine, text: string, at: number): number[] {
  const tasks: number[] = [];
  let place = at;
  for (const part of text.split(',')) {
    const match = /^\s*(\d+)(?:\(x(\d+)\))?\s*$/.exec(part);
    const [, number = '', times = '1'] = match ?? [];
    if (match === null || tasks.length + Number(times) > NODES_MAX) {
      throw line.error(place, `"${part}" does not say how many tasks a node takes. Write for instance 2(x3),1.`);
    }
    for (let i = 0; i < Number(times); i += 1) tasks.push(Number(number));
    place += part.length + 1;
  }
  return tasks;
}
