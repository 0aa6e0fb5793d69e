/** A machine that processes are dealt to. */
export interface Host {
  /** A name, an address, or an alias of ssh's configuration, as it was written. */
  readonly name: string;
  /** Whom to log in as; absent: as ssh has it. */
  readonly user?: string;
  /** Processes that it takes; absent: any number. */
  readonly slots?: number;
  /** Processes that it takes once the slots of all hosts are taken. */
  readonly slotsMax?: number;
}

/** Hosts in the order of their source, each once; the first is the server's. */
export interface HostList {
  /** Where they come from, for people: a file's path, the name of an environment variable. */
  readonly source: string;
  readonly hosts: readonly Host[];
}
