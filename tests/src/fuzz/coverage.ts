import { readFile } from 'node:fs/promises';
import { Session } from 'node:inspector';
import { fileURLToPath } from 'node:url';

interface Range {
  readonly startOffset: number;
  readonly endOffset: number;
  readonly count: number;
}

interface Script {
  readonly scriptId: string;
  readonly url: string;
  readonly functions: readonly { readonly ranges: readonly Range[] }[];
}

const OURS = /\/packages\/[^/]+\/dist\//;
const LITERAL = /'([^'\\\n]{2,24})'/g;

/** Which blocks of the product's code ran in this thread, as V8 counts them. */
export class Coverage {
  readonly #session = new Session();
  readonly #seen = new Set<string>();
  readonly #files = new Set<string>();

  constructor() {
    this.#session.connect();
    this.#post('Profiler.enable');
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Blocks that have run so far. */
  get blocks(): number {
    return this.#seen.size;
  }

  /** How many blocks ran since the last look that had not run before; from now on they have. */
  take(): number {
    const before = this.#seen.size;
    for (const block of this.#ran()) this.#seen.add(block);
    return this.#seen.size - before;
  }

  /** Whether a block ran since the last look that had not before. */
  hasNew(): boolean {
    let isNew = false;
    for (const block of this.#ran()) isNew ||= !this.#seen.has(block);
    return isNew;
  }

  *#ran(): Generator<string> {
    const { result } = this.#post('Profiler.takePreciseCoverage') as { readonly result: readonly Script[] };
    for (const { scriptId, url, functions } of result) {
      if (!OURS.test(url)) continue;
      this.#files.add(url);
      for (const { ranges } of functions) {
        for (const { startOffset, endOffset, count } of ranges) {
          if (count > 0) yield `${scriptId}:${startOffset}-${endOffset}`;
        }
      }
    }
  }

  /** The texts that stand in the code which has run: what it compares inputs with is mostly among them. */
  async literals(): Promise<string[]> {
    const texts = await Promise.all([...this.#files].map((url) => readFile(fileURLToPath(url), 'utf8')));
    return [...new Set(texts.flatMap((text) => [...text.matchAll(LITERAL)].map(([, literal = '']) => literal)))];
  }

  #post(method: string, parameters: object = {}): unknown {
    let answer: unknown;
    // Within one thread it answers before it returns.
    this.#session.post(method, parameters, (error, result) => {
      if (error) throw error;
      answer = result;
    });
    return answer;
  }
}
