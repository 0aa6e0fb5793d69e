import type { NamedTensors } from '@fedloom/engine';
import { sortedTensors } from '../../core/params.js';
import type { RunResult } from '../../core/records.js';
import { decodeSafetensors } from '../../core/safetensors.js';
import { asSafetensors } from '../../core/safetensors-views.js';
import type { ReadBlob } from '../../journal/read-journal.js';
import type { VersionMade } from '../../journal/record.js';
import { modelBlobs, type Recovered } from '../../journal/recover.js';
import { MetricWatch } from './metric-watch.js';
import { watchedIn } from './recorded-options.js';
import { MODEL } from './versions.js';

/**
 * What a run came to whose journal says that all of its rounds are done: its process may have died before it told anybody.
 * Undefined while rounds are left.
 */
export async function finishedResult(
  { run, finished, versions, reports }: Recovered,
  readBlob: ReadBlob,
): Promise<RunResult | undefined> {
  const saved = versions.at(-1)?.models[MODEL];
  if (finished === undefined || saved === undefined) return undefined;
  const model = await modelOf(saved, readBlob);
  const watch = new MetricWatch(watchedIn(run.options));
  for (const record of reports.values()) watch.add(record);
  const { best, stopped } = watch;
  const kept = best && versions.find(({ number }) => number === best.version)?.models[MODEL];
  const evaluated = [...reports.values()].filter(({ metrics }) => metrics !== null).at(-1);
  return {
    status: 'completed',
    run: run.run,
    rounds: finished.rounds,
    metrics: evaluated?.metrics ?? {},
    clientMetrics: evaluated?.clientMetrics ?? {},
    model,
    modelBytes: asSafetensors(model),
    modelHash: finished.modelHash,
    ...(stopped && { stopped }),
    ...(best && kept && { best: { ...best, model: await modelOf(kept, readBlob) } }),
  };
}

async function modelOf(saved: VersionMade['models'][string], readBlob: ReadBlob): Promise<NamedTensors> {
  const parts: NamedTensors[] = [];
  for (const blob of modelBlobs({ [MODEL]: saved })) {
    const bytes = await readBlob('versions', blob);
    // Reading the journal has found it whole.
    if (bytes === undefined) throw new Error(`the blob ${blob} of a version is gone`);
    parts.push(decodeSafetensors(bytes));
  }
  return sortedTensors(parts.flatMap((part) => [...part]));
}
