import type { NamedTensors } from '@fedloom/engine';
import { decodeSafetensors, encodeSafetensors } from '../core/safetensors.js';
import type { Stage } from '../update/stage-contract.js';
import { defineStage } from '../update/stages/define-stage.js';
import {
  chainStages,
  checkPayload,
  payloadBytesMax,
  payloadSpecs,
  type StageChain,
} from '../update/stages/payload-specs.js';
import { runServerStages } from '../update/stages/server-stages.js';
import { checkSame } from './same.js';
import { encode, play, stageModels, updateOf } from './stage-inputs.js';
import { type ConformanceCase, check, checkAccepted, checkEqual } from './suite.js';

/** The stage under test, alone between client and server. */
interface StageUnderTest {
  readonly name: string;
  /** A stage made anew, for updates of one of `stageModels`. */
  chain(): StageChain;
}

/**
 * What every stage must do, whatever it computes: with updates of float32, and with updates of floats of all kinds, of which
 * one is a scalar and one has no elements.
 * @param make the same stage each time, anew
 * @example for (const { name, run } of stageSuite(() => myStage({ bits: 8 }))) test(name, run);
 */
export function stageSuite(make: () => Stage): readonly ConformanceCase[] {
  const definition = { name: 'is well defined: its options are plain, and it can be frozen', run: () => defined(make) };
  const played = Object.entries(stageModels).flatMap(([model, specs]) => {
    const stage = { name: make().name, chain: () => chainStages([make()], specs()) };
    return Object.entries(cases).map(([name, run]) => ({ name: `with ${model}: ${name}`, run: () => run(stage) }));
  });
  return [definition, ...played];
}

async function defined(make: () => Stage): Promise<void> {
  const { name, options } = make();
  checkAccepted(() => defineStage(make()), 'defineStage');
  checkSame(JSON.parse(JSON.stringify(options)), options, 'options, written as JSON and read again,');
  checkSame({ name: make().name, options: make().options }, { name, options }, 'the stage made again');
}

const cases: Readonly<Record<string, (stage: StageUnderTest) => Promise<void>>> = {
  async 'gives back the names, dtypes and shapes of the run'({ name, chain }) {
    for (const { decoded } of await play(chain())) {
      const who = { stage: name, client: 5, from: 'server' } as const;
      checkAccepted(() => checkPayload(decoded, payloadSpecs(chain().specs), who), 'the check of what comes back');
      checkAscending(decoded, 'what the server half gives back');
    }
  },

  async 'makes what it declares, and no more bytes'({ name, chain }) {
    const { wire } = chain();
    for (const { sent } of await play(chain())) {
      const who = { stage: name, client: 5, from: 'client' } as const;
      checkAccepted(() => checkPayload(sent.tensors, wire, who), 'the check of the payload');
      const bytes = [...sent.tensors.values()].reduce((sum, { data }) => sum + data.byteLength, 0);
      check(
        bytes <= payloadBytesMax(wire),
        `the payload has ${bytes} bytes; at most ${payloadBytesMax(wire)} are declared`,
      );
      checkAscending(sent.tensors, 'the payload');
    }
  },

  async 'changes none of the tensors it is given'({ chain }) {
    const links = chain();
    const specs = structuredClone(links.specs);
    let state: NamedTensors = new Map();
    for (let task = 0; task < 3; task++) {
      const given = { tensors: updateOf(links.specs, task), state };
      const before = structuredClone(given);
      const sent = await encode(links, given.tensors, { client: 5, task, state });
      checkSame(given, before, 'what the client half was given, after it ran,');
      const payload = structuredClone(sent.tensors);
      await runServerStages(links, sent.tensors, { client: 5, task });
      checkSame(sent.tensors, payload, 'the payload after the server half ran');
      state = sent.state;
    }
    checkSame(links.specs, specs, 'the list of specs after the stage ran');
  },

  async 'is deterministic to the bit'({ chain }) {
    checkSame(await play(chain()), await play(chain()), 'what another instance makes: update');
  },

  async 'keeps nothing between calls: one value serves many clients'({ chain }) {
    const links = chain();
    const first = await play(links);
    await play(links, { client: 6 });
    checkSame(await play(links), first, 'what the same instance makes after it served others: update');
    checkSame(await play(chain()), first, 'what an instance makes that served nobody: update');
  },

  async 'gives memory that no later call writes to'({ chain }) {
    const links = chain();
    const sent = await encode(links, updateOf(links.specs, 0), { client: 5, task: 0, state: new Map() });
    const decoded = await runServerStages(links, sent.tensors, { client: 5, task: 0 });
    const [given, kept] = [{ sent, decoded }, structuredClone({ sent, decoded })];
    const next = await encode(links, updateOf(links.specs, 1), { client: 6, task: 1, state: new Map() });
    await runServerStages(links, next.tensors, { client: 6, task: 1 });
    checkSame(given, kept, 'what it made of one update, after another: ');
  },

  async 'has private state that can be stored and read again'({ chain }) {
    const links = chain();
    const stored = (state: NamedTensors) => decodeSafetensors(encodeSafetensors(state));
    checkSame(await play(links, { stored }), await play(links), 'what comes of state that was stored: update');
  },

  async 'takes a payload that went over the wire'({ chain }) {
    const links = chain();
    for (const [task, { sent, decoded }] of (await play(links)).entries()) {
      const received = decodeSafetensors(encodeSafetensors(sent.tensors));
      const back = await runServerStages(links, received, { client: 5, task });
      checkSame(back, decoded, 'what the server half makes of a payload that was written and read');
    }
  },

  async 'leaves buffers, uploads and integers as they are'({ chain }) {
    const links = chain();
    for (const [task, { decoded }] of (await play(links)).entries()) {
      const update = updateOf(links.specs, task);
      for (const { name, kind } of links.specs.filter(({ kind }) => kind !== 'trained')) {
        checkSame(decoded.get(name), update.get(name), `${kind} "${name}" after its way`);
      }
    }
  },
};

function checkAscending(tensors: NamedTensors, what: string): void {
  checkEqual([...tensors.keys()], [...tensors.keys()].sort(), `the order of ${what}`);
}
