import type { MpiLibrary } from 'fedloom';

/**
 * What this package uses of fedloom. It is handed over, not imported: the command is a bundle of its own, whose errors would
 * not be those of the library beside it.
 */
export type TransportLibrary = MpiLibrary;
