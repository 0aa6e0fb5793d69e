import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

interface Word {
  readonly type: string;
}
type Saying<W extends Word, T extends W['type']> = Extract<W, { readonly type: T }>;

/** A process of a federation, which runs a script of this folder and tells its parent what happens: its server, or one of clients. */
export class Member<W extends Word> {
  readonly said: W[] = [];
  readonly #process: ChildProcess;
  readonly #ended: Promise<void>;
  #wake: (() => void)[] = [];
  #isOver = false;

  /**
   * @param options that the script takes, as JSON
   * @param within words before the command, which run it elsewhere
   */
  constructor(script: string, options: object, within: readonly string[] = []) {
    const path = fileURLToPath(new URL(script, import.meta.url));
    const [command = '', ...args] = [...within, process.execPath, path, JSON.stringify(options)];
    this.#process = spawn(command, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.#process.on('message', (message: W) => {
      this.said.push(message);
      this.#wakeAll();
    });
    this.#ended = new Promise((resolve) => {
      this.#process.once('close', () => {
        this.#isOver = true;
        this.#wakeAll();
        resolve();
      });
    });
  }

  /** The first word of this kind that is as wanted, as soon as it is there. */
  async says<T extends W['type']>(
    type: T,
    wanted: (word: Saying<W, T>) => boolean = () => true,
  ): Promise<Saying<W, T>> {
    for (;;) {
      const found = this.said.find((word): word is Saying<W, T> => word.type === type && wanted(word as Saying<W, T>));
      if (found !== undefined) return found;
      if (this.#isOver) throw new Error(`a process ended before it said ${type}: ${JSON.stringify(this.said)}`);
      await new Promise<void>((resolve) => this.#wake.push(resolve));
    }
  }

  /** One that has ended hears nothing. */
  tell(message: string): void {
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  /** It stands still, with all of its lines open. */
  freeze(): void {
    this.#process.kill('SIGSTOP');
  }

  thaw(): void {
    this.#process.kill('SIGCONT');
  }

  async kill(): Promise<void> {
    this.#process.kill('SIGKILL');
    await this.#ended;
  }

  #wakeAll(): void {
    const wake = this.#wake;
    this.#wake = [];
    for (const resolve of wake) resolve();
  }
}
