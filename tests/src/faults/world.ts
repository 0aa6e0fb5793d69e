import { defineTask } from '../../../packages/fedloom/dist/task/define-task.js';
import type { TrainerTask } from '../../../packages/fedloom/dist/task/task.js';
import type { Trainer, TrainerClient } from '../../../packages/fedloom/dist/task/trainer.js';
import type { Dice } from './dice.js';
import type { Network } from './network.js';
import { algorithmOf, divergesIn, type Scenario } from './scenario.js';
import type { SimulatedProcess } from './simulated-process.js';
import type { SimulatedTime } from './simulated-time.js';
import { at, BUFFER, samplesOf, startModel, train, valuesOf } from './training.js';
import type { Witness } from './witness.js';

/** All that a federation under faults is made of. */
export interface World {
  readonly scenario: Scenario;
  readonly time: SimulatedTime;
  readonly dice: Dice;
  readonly network: Network;
  readonly witness: Witness;
  /** Name of its run. */
  readonly run: string;
}

export const URL = 'simulated://server';
/** Of the run that a seed is about, and of the one beside it in the same server. */
export const RUNS = { own: 'under-faults', beside: 'beside' } as const;
const CALM_TRAIN_MS = 200;

/** Nothing goes wrong any more. */
export function isQuiet({ scenario, time }: Pick<World, 'scenario' | 'time'>): boolean {
  return time.nowMs >= scenario.faults.quietFromMs;
}

/** The task as the program of one process has it: code of its own, that computes at once and takes simulated time. */
export function taskOf(world: World, process?: SimulatedProcess): TrainerTask {
  const { scenario } = world;
  return defineTask({
    name: 'simulated',
    trainer: (client) => trainerOf(world, client, process),
    concurrent: scenario.seed % 2 === 0,
    algorithm: algorithmOf(scenario),
  }) as TrainerTask;
}

function trainerOf(world: World, { index }: TrainerClient, process?: SimulatedProcess): Trainer {
  const { scenario, witness } = world;
  const dice = world.dice.of(`trainer ${index}`);
  let params = startModel(scenario.model);
  return {
    buffers: [BUFFER],
    appliesTerms: ['scaffold'],
    getModelParams: () => params,
    setModelParams: (given) => {
      params = given;
    },
    async train({ round, globalModel, broadcast, state }) {
      const [low, high] = scenario.trainMs;
      await process?.sleep(
        dice.logarithmic(low, isQuiet(world) ? Math.max(low + 1, Math.min(high, CALM_TRAIN_MS)) : high),
      );
      const trained = train(index, round, { model: globalModel, broadcast, state }, scenario.keeping);
      witness.trained(index, round, { ...trained, from: globalModel, before: state }, broadcast);
      params = copied(trained.params);
      const kept = trained.state.size > 0 ? { state: copied(trained.state) } : {};
      return {
        sampleCount: samplesOf(index),
        stepCount: 2,
        meanLoss: index / 8,
        uploads: copied(trained.uploads),
        ...kept,
      };
    },
    async test({ round }) {
      const tested = Math.abs(at(valuesOf(params.get('w')), 0));
      if (index >= 0) return { results: { loss: tested }, sampleCount: 1 + (index % 3) };
      if (!scenario.serverTests) return { results: {}, sampleCount: 0 };
      await process?.sleep(dice.logarithmic(...scenario.diskMs));
      return { results: { loss: divergesIn(scenario, round) ? Number.NaN : tested }, sampleCount: 5 };
    },
  };
}

function copied(tensors: ReturnType<typeof startModel>): ReturnType<typeof startModel> {
  return new Map([...tensors].map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]));
}
