/** The topics of a run, all below its prefix. */
export class Topics {
  constructor(readonly prefix: string) {}

  /** Retained: who serves here. */
  get server(): string {
    return `${this.prefix}/server`;
  }

  /** From the client end of a line to the server. */
  up(line: string): string {
    return `${this.prefix}/up/${line}`;
  }

  get everyUp(): string {
    return this.up('+');
  }

  /** The line that an `up` topic belongs to. */
  lineOf(topic: string): string | undefined {
    const start = `${this.prefix}/up/`;
    const line = topic.startsWith(start) ? topic.slice(start.length) : '';
    return linePattern.test(line) ? line : undefined;
  }

  down(line: string): string {
    return `${this.prefix}/down/${line}`;
  }

  /** Retained: a piece of a body that is the same for many. */
  shared(name: string, piece: number): string {
    return `${this.prefix}/shared/${name}/${piece}`;
  }

  /** Where a server tries out what the broker lets through. */
  probe(server: string): string {
    return `${this.prefix}/probe/${server}`;
  }
}

/** 128 random bits: who does not know a line's name can neither read it nor write to it where wildcards are refused. */
export const linePattern = /^[0-9a-f]{32}$/;
