import { knownClient, versionNumber } from '../../../packages/fedloom/dist/core/brands.js';
import { sha256 } from '../../../packages/fedloom/dist/core/node/sha256.js';
import { encodeEntry, encodeHead } from '../../../packages/fedloom/dist/journal/entries.js';
import { payloadBytesMax, writePayload } from '../../../packages/fedloom/dist/journal/payload.js';
import type { JournalRecord } from '../../../packages/fedloom/dist/journal/record.js';
import { recordText } from '../../../packages/fedloom/dist/journal/record-codec.js';
import { blobName } from '../../../packages/fedloom/dist/journal/storage.js';

const BLOB = Uint8Array.from({ length: 21 }, (_, i) => i * 11);
const HASH = sha256(BLOB);
const [FIRST, SECOND] = [knownClient(0), knownClient(1)];
const AT = '2026-01-01T00:00:00Z';

const ENTRIES: readonly (readonly JournalRecord[])[] = [
  [
    {
      kind: 'run',
      run: 'fuzzed',
      task: { name: 'fuzzed', hash: HASH },
      plan: { hash: HASH },
      algorithm: { name: 'fedAvg', hyperparameters: {} },
      options: { clients: 2 },
      seed: 0,
      versions: { fedloom: '0.1.0' },
    },
    { kind: 'started', attemptBase: 0, at: AT },
    version(-1, 0),
  ],
  [
    {
      kind: 'round',
      round: 0,
      outcome: 'counted',
      counted: [{ client: FIRST, task: 0, attempt: 0, base: versionNumber(0), newest: versionNumber(0) }],
      voidUpdates: [],
      refused: [{ client: SECOND, task: 0, attempt: 0, code: 'update.norm' }],
      replaced: [{ client: SECOND, by: null, code: 'client.left' }],
      serverResults: { loss: Number.NaN },
    },
    version(0, 1),
    { kind: 'privateState', states: [{ client: FIRST, task: 0, blob: HASH }] },
    { kind: 'clients', ranges: [{ from: 0, count: 2, identity: 'north' }] },
  ],
  [{ kind: 'finished', rounds: 1, modelHash: HASH }],
];

function version(round: number, number: number): JournalRecord {
  return {
    kind: 'version',
    number: versionNumber(number),
    round,
    models: { model: { hash: HASH, blob: HASH } },
    state: null,
    needs: [],
  };
}

/** What each entry of a run's journal says: records, and the small blob that they name. */
export function examplePayloads(): Uint8Array[] {
  return ENTRIES.map((records) => {
    const text = `[${records.map(recordText).join()}]`;
    const blobs = records.some(({ kind }) => kind === 'version')
      ? [{ name: blobName('versions', HASH), bytes: BLOB }]
      : [];
    const payload = new Uint8Array(payloadBytesMax(text, blobs));
    return payload.slice(0, writePayload(payload, text, blobs));
  });
}

/** The log of a whole run. */
export function exampleLog(): Uint8Array {
  return Uint8Array.from(Buffer.concat([encodeHead(), ...examplePayloads().map(encodeEntry)]));
}
