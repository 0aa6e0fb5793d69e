/** A deliberate bug: a change of the compiled code, in a copy of it. */
export interface Mutant {
  readonly name: string;
  /** In `packages/fedloom/dist`. */
  readonly file: string;
  /** Each text stands there exactly once. */
  readonly edits: readonly (readonly [text: string, instead: string])[];
}

/** What the simulation must find: each breaks one of the promises that docs/reliability.md makes. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: 'an update counts as often as it comes',
    file: 'server/schedule/rounds.js',
    edits: [
      ["if (member.status === 'folded')", 'if (false)'],
      ["member.status === 'working' && known", 'known'],
    ],
  },
  {
    name: 'clients are told before the disk knows',
    file: 'server/run/candidates.js',
    edits: [['Promise.all([decided, saved, pause]).then(done).catch(fail);', 'done();']],
  },
  {
    name: 'the end is told before the disk knows',
    file: 'server/run/run-end.js',
    edits: [['await persistence.finished(', 'void persistence.finished(']],
  },
  {
    name: 'a client sends its update before its next state is on its disk',
    file: 'client/node/file-state-store.js',
    edits: [['await files.write(path(client, task), state);', '']],
  },
  {
    name: 'a client commits state that did not count',
    file: 'client/private-states.js',
    edits: [['counted ? this.store.commit', 'true ? this.store.commit']],
  },
  {
    name: 'what counted is not told again to a client that comes back',
    file: 'server/run/outgoing.js',
    edits: [['if (this.#counted.size === 0)', 'if (true)']],
  },
  {
    name: 'what counted is not told by the next process of a server',
    file: 'server/schedule/resume.js',
    edits: [['state.owed.set(client, [...settlements]);', ';']],
  },
  {
    name: 'an update from an unknown model is taken for one from the newest',
    file: 'server/run/incoming.js',
    edits: [['const from = versions.find(base);', 'const from = versions.find(base) ?? versions.accepted;']],
  },
  {
    name: 'an update may name another model than it was asked to train from',
    file: 'server/run/incoming.js',
    edits: [['if (asked === undefined || asked === base.number || refusal(tag) !== null)', 'if (true)']],
  },
  {
    name: 'updates are weighed by a version that may still be void',
    file: 'server/run/incoming.js',
    edits: [['aggregation.weigh(sound, from, versions.accepted)', 'aggregation.weigh(sound, from, versions.newest)']],
  },
  {
    name: 'updates are taken from whatever connection',
    file: 'server/schedule/refusals.js',
    edits: [['if (sessionOf(state.membership, tag.client) === tag.session)', 'if (true)']],
  },
  {
    name: 'a client is asked while its update is not settled',
    file: 'server/schedule/updates.js',
    edits: [['state.unsettled.add(client);', ';']],
  },
  {
    name: 'individual folds take updates in the order in which they came',
    file: 'server/run/aggregation.js',
    edits: [['held.sort((a, b) => a.update.client - b.update.client)', 'held']],
  },
  {
    name: 'the sum of a journal entry is not looked at',
    file: 'journal/entries.js',
    edits: [['if (view.getUint32(LENGTH_BYTES + length, true) !== crc32(payload))', 'if (false)']],
  },
  {
    name: 'a torn end stays in the journal',
    file: 'journal/run-journal.js',
    edits: [['await storage.cutLog(wholeBytes);', ';']],
  },
  {
    name: 'the bytes of a body are never given back',
    file: 'protocol/channel.js',
    edits: [['this.#lane.release(releasedBytes);', ';']],
  },
  {
    name: 'the head of a frame is not looked at',
    file: 'protocol/codec.js',
    edits: [
      [
        'if (frame.length < inlineHeaderBytes || frame[1] || frame[2] || frame[3])',
        'if (frame.length < inlineHeaderBytes)',
      ],
    ],
  },
  {
    name: 'a finished update is not sent again over the next line',
    file: 'client/training.js',
    edits: [['this.#resend(finished, message);', ';']],
  },
  {
    name: 'an update may be as large as it likes',
    file: 'server/run/update-bounds.js',
    edits: [['if (norm <= most.norms[part])', 'if (true)']],
  },
  {
    name: 'an update may claim as many samples as it likes',
    file: 'server/run/update-bounds.js',
    edits: [['if (sampleCount > most.sampleCount)', 'if (false)']],
  },
  {
    name: 'what was usual is forgotten with the process of the server',
    file: 'server/run/open-federation.js',
    edits: [['{ usual: journal.usual }', '{}']],
  },
  {
    name: 'more count than a round needs',
    file: 'server/schedule/rounds.js',
    edits: [
      ['if (training?.closed)', 'if (false)'],
      ['if (training !== null && training.folded >= clientsPerRound)', 'if (false)'],
    ],
  },
  {
    name: 'whoever comes is let into the first run',
    file: 'server/lobby/doors.js',
    edits: [['undefined ? undefined : this.#doors.get(name)', 'undefined ? undefined : [...this.#doors.values()][0]']],
  },
  {
    name: 'a pause holds up nothing',
    file: 'server/run/candidates.js',
    edits: [['const pause = paused?.();', 'const pause = undefined;']],
  },
  {
    name: 'nobody hears that the run is to stop',
    file: 'server/run/federation.js',
    edits: [['if (this.steering.stop !== undefined)', 'if (false)']],
  },
  {
    name: 'a client belongs to whoever asks for it',
    file: 'server/run/index-owners.js',
    edits: [['if (other.owner !== owner)', 'if (false)']],
  },
  {
    name: 'whoever names a key has it',
    file: 'server/auth/accept-keys.js',
    edits: [['if (!sealHolds(client.publicKey, proof, context))', 'if (false)']],
  },
];
