import { deviceTopics } from '../devices.js';
import { linePattern, type Topics } from '../topics.js';

/**
 * What those who connect to a server's own broker may do. A client has one line: whoever names it first, to write to it or to read from
 * it, holds it until it is gone, and nobody else comes near it. Beside that it reads what is for all; nothing by wildcards.
 */
export class LineAccess<Client extends object> {
  readonly #topics: Topics;
  readonly #shared: string;
  readonly #devicesUp: ReadonlySet<string>;
  readonly #devicesDown: ReadonlySet<string>;
  readonly #holders = new Map<string, Client>();
  readonly #lines = new Map<Client, string>();

  /** @param devices numbers of those that speak JSON, at topics of their own */
  constructor(topics: Topics, devices: readonly number[]) {
    this.#topics = topics;
    this.#shared = topics.shared('', 0).slice(0, -2);
    this.#devicesUp = new Set(devices.map(deviceTopics.up));
    this.#devicesDown = new Set(devices.map(deviceTopics.down));
  }

  mayPublish(client: Client, topic: string): boolean {
    return this.#devicesUp.has(topic) || this.#holds(client, this.#topics.up(''), topic);
  }

  maySubscribe(client: Client, topic: string): boolean {
    return (
      topic === this.#topics.server ||
      this.#devicesDown.has(topic) ||
      this.#holds(client, this.#topics.down(''), topic) ||
      (topic.startsWith(this.#shared) && !/[+#]/.test(topic))
    );
  }

  holderOf(line: string): Client | undefined {
    return this.#holders.get(line);
  }

  left(client: Client): void {
    const line = this.#lines.get(client);
    if (line === undefined) return;
    this.#lines.delete(client);
    this.#holders.delete(line);
  }

  #holds(client: Client, start: string, topic: string): boolean {
    const line = topic.startsWith(start) ? topic.slice(start.length) : '';
    if (!linePattern.test(line)) return false;
    const own = this.#lines.get(client);
    if (own !== undefined) return own === line;
    if (this.#holders.has(line)) return false;
    this.#holders.set(line, client);
    this.#lines.set(client, line);
    return true;
  }
}
