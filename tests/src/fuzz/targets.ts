import type { Target } from './target.js';

/** What is fuzzed, by name; each is loaded alone, so that coverage is of what it reads with. */
export const TARGETS: Readonly<Record<string, () => Promise<{ readonly target: Target }>>> = {
  audit: () => import('./targets/audit.js'),
  calls: () => import('./targets/calls.js'),
  channel: () => import('./targets/channel.js'),
  csv: () => import('./targets/csv.js'),
  devices: () => import('./targets/devices.js'),
  hosts: () => import('./targets/hosts.js'),
  journal: () => import('./targets/journal.js'),
  lobby: () => import('./targets/lobby.js'),
  manifest: () => import('./targets/manifest.js'),
  messages: () => import('./targets/messages.js'),
  npz: () => import('./targets/npz.js'),
  onnx: () => import('./targets/onnx.js'),
  'onnx-model': () => import('./targets/onnx-model.js'),
  packets: () => import('./targets/packets.js'),
  parquet: () => import('./targets/parquet.js'),
  part: () => import('./targets/part.js'),
  pipes: () => import('./targets/pipes.js'),
  plan: () => import('./targets/plan.js'),
  records: () => import('./targets/records.js'),
  runs: () => import('./targets/runs.js'),
  safetensors: () => import('./targets/safetensors.js'),
  tokens: () => import('./targets/tokens.js'),
  update: () => import('./targets/update.js'),
  websocket: () => import('./targets/websocket.js'),
  yaml: () => import('./targets/yaml.js'),
};

/** @throws RangeError for a name that is none */
export async function targetNamed(name: string): Promise<Target> {
  const load = TARGETS[name];
  if (load === undefined) throw new RangeError(`no target ${name}: there are ${Object.keys(TARGETS).join(', ')}`);
  return (await load()).target;
}
