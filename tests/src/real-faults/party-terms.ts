import { scaffold } from 'fedloom';
import { logisticRegression } from '../integration/logistic-regression.js';

export interface PartyOptions {
  readonly server?: { readonly host: string; readonly journal: string };
  readonly client?: {
    readonly url: string;
    readonly clients: readonly { readonly from: number; readonly count: number }[];
  };
}

export type PartySays =
  | { readonly type: 'listening'; readonly url: string }
  | { readonly type: 'round'; readonly round: number }
  | { readonly type: 'left'; readonly reason: string }
  | { readonly type: 'retrying'; readonly reason: string }
  | { readonly type: 'ended'; readonly modelHash?: string };

/** SCAFFOLD keeps state at both ends: what is lost, or taken twice, changes the model. */
export const partyTask = () => logisticRegression(scaffold());
export const PARTY_SIZE = { clients: 4, clientsPerRound: 4, rounds: 12, seed: 5, evaluateEvery: 0 };
/** Who says nothing for so long counts as gone. */
export const DEAD_AFTER_MS = 1_000;
