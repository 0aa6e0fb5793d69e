/** Collects a round's updates until it can be closed, or has failed. */
import { finish, type Output } from './output.js';
import { dropMember, membersWith, openPlaces, refillPlace, replaceUnfinished } from './places.js';
import { describeClients } from './ranges.js';
import { refuseUpdate } from './refusals.js';
import type { CoordinatorState, Reason, TrainingState, UpdateTag } from './types.js';

const MISSED_DEADLINE = 'the deadline passed before the update came';

export function startTraining(state: CoordinatorState, output: Output): void {
  const training = openPlaces(state, output);
  if (training === null) {
    const { name } = state.options.sampler;
    const message = `Sampler ${name} gave no permutation of the ${state.options.clients} clients for round ${state.round}; mend the sampler.`;
    finish(state, 'failed', 'sampler.permutation', message, output);
    return;
  }
  state.phase = 'training';
  state.training = training;
  setDeadline(state, training, output);
  advance(state, training, output);
}

function setDeadline(state: CoordinatorState, training: TrainingState, output: Output): void {
  const delayMs = state.options.deadlineMs;
  if (delayMs === null) return;
  training.timer = `train:${state.round}:${training.extensions}`;
  output.push({ type: 'setTimer', timer: training.timer, delayMs });
}

export function updateReceived(state: CoordinatorState, tag: UpdateTag, output: Output): void {
  const { session, client, round, attempt } = tag;
  const refusal = refuseUpdate(state, tag);
  if (refusal !== null) {
    output.push({ type: 'discard', session, client, round, attempt, ...refusal });
    return;
  }
  const training = state.training as TrainingState;
  const member = training.members.get(client)!;
  member.status = 'folded';
  member.foldedAttempt = attempt;
  training.working -= 1;
  training.folded += 1;
  output.push({ type: 'fold', session, client, round, attempt });
  if (training.folded === 1) drawAhead(state);
  advance(state, training, output);
}

/** Draws the next round's order now, while the other clients train: it takes milliseconds when there are many. */
function drawAhead(state: CoordinatorState): void {
  const { rounds, clients, clientsPerRound, sampler } = state.options;
  if (state.round + 1 < rounds) state.nextOrder = sampler.permutation(state.round + 1, clients, clientsPerRound);
}

/** An invalid update or a failure: the next client takes the place over at once. One that is out of date means nothing. */
export function clientFailed(state: CoordinatorState, event: UpdateTag & Reason, output: Output): void {
  if (refuseUpdate(state, event) !== null) return;
  const training = state.training as TrainingState;
  const member = training.members.get(event.client)!;
  dropMember(state, training, member, event.message, output);
  const successor = refillPlace(state, training, member.place, output);
  const outcome =
    successor === undefined ? 'no other client is there to take its place' : `client ${successor} takes its place`;
  output.warn(event.code, `Client ${event.client} is lost to round ${state.round}: ${event.message} (${outcome})`);
  advance(state, training, output);
}

export function trainingDeadline(state: CoordinatorState, training: TrainingState, output: Output): void {
  const { quorum, attemptsMax, clientsPerRound } = state.options;
  training.timer = null;
  if (training.folded >= quorum) {
    close(state, training, output);
    return;
  }
  if (training.extensions >= attemptsMax) {
    fail(state, training, output);
    return;
  }
  training.extensions += 1;
  const replaced = replaceUnfinished(state, training, ['awaited', 'working'], MISSED_DEADLINE, output);
  setDeadline(state, training, output);
  output.warn(
    'round.extended',
    `Round ${state.round}: at the deadline ${training.folded} of ${clientsPerRound} updates are in, ${quorum} are needed; ` +
      `${replaced} clients replaced, deadline extended (${training.extensions} of ${attemptsMax}).`,
  );
  advance(state, training, output);
}

/** Closes the round when all is in; looks after rounds in which nobody works any more. To be called after each change. */
export function advance(state: CoordinatorState, training: TrainingState, output: Output): void {
  const { clientsPerRound, quorum, deadlineMs } = state.options;
  if (training.working > 0) return;
  // All places have delivered or are lost.
  if (training.awaited === 0) {
    if (training.folded >= quorum) close(state, training, output);
    else fail(state, training, output);
    return;
  }
  // Somebody is awaited: until the deadline; without one, as long as nobody else is there.
  if (deadlineMs !== null) return;
  replaceUnfinished(state, training, ['awaited'], 'the client was away when all others had finished', output);
  if (training.working > 0 || training.warnedIdle) return;
  training.warnedIdle = true;
  output.warn(
    'round.idle',
    `Round ${state.round} waits: ${training.folded} of ${clientsPerRound} updates are in, and ` +
      `${describeClients(membersWith(training, 'awaited').map(({ client }) => client))} must join before it can go on. ` +
      'Start them again, or set a deadline for rounds.',
  );
}

function close(state: CoordinatorState, training: TrainingState, output: Output): void {
  clearDeadline(training, output);
  const counted = countedClients(training);
  if (counted.length < state.options.clientsPerRound) {
    output.warn(
      'round.partial',
      `Round ${state.round} closes with ${counted.length} of ${state.options.clientsPerRound} updates; ` +
        `missing: ${describeClients(missingClients(training))}.`,
    );
  }
  for (const status of ['awaited', 'working'] as const) {
    for (const member of membersWith(training, status)) {
      dropMember(state, training, member, 'the round closed without its update', output);
    }
  }
  state.phase = 'aggregating';
  output.push({ type: 'aggregate', round: state.round, counted });
}

/** The server has the round's model safe: now those that counted may commit. */
export function settleCounted(state: CoordinatorState, training: TrainingState, output: Output): void {
  for (const client of countedClients(training)) {
    const attempt = training.members.get(client)!.foldedAttempt;
    output.settle(state, client, { round: state.round, attempt, counted: true });
  }
}

/** Ascending, so that nothing computed from them depends on who came first. */
export function countedClients(training: TrainingState): number[] {
  return membersWith(training, 'folded')
    .map(({ client }) => client)
    .sort((a, b) => a - b);
}

function fail(state: CoordinatorState, training: TrainingState, output: Output): void {
  const { quorum, clientsPerRound, deadlineMs } = state.options;
  const deadlines = training.extensions + 1;
  const waited =
    training.working + training.awaited > 0
      ? `after ${deadlines} ${deadlines === 1 ? 'deadline' : 'deadlines'} of ${deadlineMs} ms`
      : 'and no client is left to replace those that failed';
  const message =
    `Round ${state.round} failed: ${training.folded} of ${clientsPerRound} updates came, ${quorum} are needed, ${waited}; ` +
    `missing: ${describeClients(missingClients(training))}. ` +
    'See why they failed, allow more time (deadline), fewer updates (quorum), or let more clients join.';
  finish(state, 'failed', 'round.quorum', message, output);
}

function clearDeadline(training: TrainingState, output: Output): void {
  if (training.timer === null) return;
  output.push({ type: 'clearTimer', timer: training.timer });
  training.timer = null;
}

/** Everyone who was to deliver in this round and has not. */
function missingClients(training: TrainingState): number[] {
  const missing: number[] = [];
  for (const { client, status } of training.members.values()) if (status !== 'folded') missing.push(client);
  return missing;
}
