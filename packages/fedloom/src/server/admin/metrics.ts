import type { Registry } from 'prom-client';
import type { RunControl, RunPhase } from '../run/run-control.js';

const PHASES: readonly RunPhase[] = ['waiting', 'training', 'evaluating', 'paused', 'over'];
const PREFIX = 'fedloom_';

/**
 * What Prometheus is told of a run, and of its process.
 * @returns makes the text of one scrape, and says what it is
 */
export async function metricsOf(control: RunControl): Promise<{ readonly type: string; text(): Promise<string> }> {
  const { collectDefaultMetrics, Counter, Gauge, Registry } = await import('prom-client');
  const registry: Registry = new Registry();
  registry.setDefaultLabels({ run: control.status().run });
  collectDefaultMetrics({ register: registry });
  const gauge = (name: string, help: string, value: () => number | undefined) =>
    new Gauge({
      name: PREFIX + name,
      help,
      registers: [registry],
      collect() {
        const now = value();
        if (now === undefined) this.reset();
        else this.set(now);
      },
    });
  /** What only grows: kept elsewhere, and set anew for each scrape. */
  const counter = (name: string, help: string, value: () => number) =>
    new Counter({
      name: PREFIX + name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(value());
      },
    });
  gauge('round', 'Round under way, from 0', () => control.status().round ?? undefined);
  gauge('rounds', 'Rounds of the run', () => control.status().rounds);
  gauge('clients', 'Clients of the federation', () => control.status().clients);
  gauge('clients_present', 'Clients that have joined and not left', () => control.status().present);
  gauge('sessions', 'Connections that hold clients', () => control.status().sessions.length);
  counter('updates_folded_total', 'Updates that were folded', () => control.status().updates);
  counter('refused_total', 'Updates, evaluations and failures that were refused', () => control.status().refused);
  counter('warnings_total', 'Warnings', () => control.status().warnings);
  counter('received_bytes_total', 'Bytes from clients', () => control.status().bytesIn);
  counter('sent_bytes_total', 'Bytes to clients', () => control.status().bytesOut);
  gauge('last_round_seconds', 'How long the last round took', () => seconds(control.status().lastRound?.ms.total));
  gauge(
    'last_round_train_loss',
    'Mean training loss of the last round',
    () => control.status().lastRound?.trainLoss ?? undefined,
  );
  new Gauge({
    name: `${PREFIX}phase`,
    help: '1 for what the run does now',
    labelNames: ['phase'],
    registers: [registry],
    collect() {
      const { phase } = control.status();
      for (const one of PHASES) this.set({ phase: one }, one === phase ? 1 : 0);
    },
  });
  new Gauge({
    name: `${PREFIX}result`,
    help: 'Results of the last round that was evaluated',
    labelNames: ['metric', 'of'],
    registers: [registry],
    collect() {
      const { lastRound } = control.status();
      for (const [of, results] of [
        ['server', lastRound?.metrics],
        ['clients', lastRound?.clientMetrics],
      ] as const) {
        for (const [metric, value] of Object.entries(results ?? {})) {
          if (typeof value === 'number') this.set({ metric, of }, value);
        }
      }
    },
  });
  return { type: registry.contentType, text: () => registry.metrics() };
}

const seconds = (ms: number | undefined) => (ms === undefined ? undefined : ms / 1000);
