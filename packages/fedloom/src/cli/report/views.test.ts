import { EventEmitter } from 'node:events';
import { PassThrough } from 'node:stream';
import pc from 'picocolors';
import { describe, expect, it } from 'vitest';
import { namedHash } from '../../conformance/named-hash.js';
import { versionNumber } from '../../core/brands.js';
import type { RoundRecord } from '../../core/records.js';
import type { Run } from '../../server/run/run.js';
import { curve } from './curve.js';
import { visibleWidth } from './format.js';
import { Progress } from './progress.js';
import { Screen } from './screen.js';
import { table } from './table.js';
import { liveLines, roundLine } from './views.js';

const record = (round: number, accuracy: number | null): RoundRecord => ({
  round,
  cohort: [3, 1, 4],
  uncounted: [],
  replaced: [],
  awaited: [],
  voided: null,
  version: { model: 'model', number: versionNumber(1), hash: namedHash('sha256:0') },
  virtualTime: null,
  counted: [1, 3],
  trainLoss: 0.25,
  sampleCount: 1000,
  metrics: accuracy === null ? null : { loss: 0.5, accuracy },
  clientMetrics: null,
  testSampleCount: 10,
  bytesUp: 1,
  bytesDown: 1,
  ms: { train: 100, fold: 1, aggregate: 1, evaluate: 1, total: 200 },
});

function started(rounds: number): { progress: Progress; run: EventEmitter } {
  const run = new EventEmitter();
  const progress = new Progress(10, 3, rounds, 5);
  progress.follow(run as unknown as Run);
  run.emit('clientsJoined', { present: 10 });
  run.emit('roundStarted', { round: 0 });
  return { progress, run };
}

describe('Progress', () => {
  it('follows the events of a run', () => {
    const { progress, run } = started(4);
    run.emit('update', {});
    run.emit('update', {});
    expect(progress).toMatchObject({ phase: 'training', updates: 2, round: 0, roundsDone: 0, leftMs: undefined });
    run.emit('evaluating', { round: 0 });
    expect(progress.phase).toBe('evaluating');
    run.emit('round', record(0, 0.5));
    // 5 epochs over 1000 samples in 100 ms; 3 rounds of 200 ms to go.
    expect(progress.samplesPerSecond).toBe(50_000);
    expect(progress.leftMs).toBeCloseTo(600, 5);
    run.emit('roundStarted', { round: 1 });
    expect(progress.updates).toBe(0);
    expect(progress.leftMs).toBeGreaterThan(390);
    run.emit('round', record(1, null));
    expect(progress.points).toEqual([{ round: 0, value: 0.5 }]);
    expect(progress.evaluated?.round).toBe(0);
    progress.stop();
    run.emit('roundStarted', { round: 2 });
    expect(progress.phase).toBe('stopping');
  });
});

describe('live lines', () => {
  it('fit any screen, as three lines from the first round to the last', () => {
    for (const columns of [20, 35, 40, 59, 79, 200]) {
      const { progress, run } = started(1000);
      const check = () => {
        const lines = liveLines(progress, columns, pc.createColors(true));
        expect(lines).toHaveLength(3);
        for (const line of lines) expect(visibleWidth(line)).toBeLessThanOrEqual(Math.max(columns, 24));
      };
      check();
      run.emit('round', record(0, 0.5));
      check();
      progress.stop();
      check();
    }
  });

  it('say what goes on', () => {
    const { progress, run } = started(4);
    const plain = () => liveLines(progress, 79, pc.createColors(false));
    expect(plain()[0]).toMatch(/^round 1\/4 {2}░+ {3}0 %$/);
    expect(plain()[1]).toBe('training 0 of 3 clients');
    run.emit('round', record(0, 0.5));
    run.emit('roundStarted', { round: 1 });
    run.emit('update', {});
    expect(plain()[0]).toMatch(/^round 2\/4 {2}█{8}░{22} {2}25 % {2}0\.\d s left$/);
    expect(plain()[1]).toBe('training 1 of 3 clients · 50,000 samples/s');
    expect(plain()[2]).toBe('accuracy 50.00 % · train loss 0.2500 · test loss 0.5000');
    expect(roundLine(record(1, null), progress)).toMatch(
      /^round 2\/4 · 2 of 3 clients · train loss 0\.2500 · 50,000 samples\/s/,
    );
  });

  it('before the first round, say who is awaited', () => {
    const progress = new Progress(10, 3, 4, 1);
    const run = new EventEmitter();
    progress.follow(run as unknown as Run);
    expect(liveLines(progress, 79, pc.createColors(false))).toEqual(['preparing']);
    run.emit('clientsJoined', { present: 4 });
    expect(liveLines(progress, 79, pc.createColors(false))).toEqual(['waiting for clients: 4 of 10 have joined']);
  });
});

describe('curve', () => {
  const points = Array.from({ length: 200 }, (_, round) => ({ round, value: 1 - 1 / (round + 1) }));

  it('fits the width, rises where the values rise, names first and last round', () => {
    const lines = curve('accuracy', points, 60);
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(60);
    expect(lines[0]).toMatch(/^ +99\.5 % ┤.*─/);
    expect(lines.at(-2)).toMatch(/^ +0\.0 % ┤╯$/);
    expect(lines.at(-1)).toMatch(/^ +round 1 +200$/);
  });

  it('tells more digits where values are close', () => {
    const close = [0.9712, 0.9715, 0.9719].map((value, round) => ({ round, value }));
    expect(curve('accuracy', close, 60)[0]).toContain('97.19 %');
  });

  it('draws a flat line, and nothing for one point or a tiny screen', () => {
    const flat = curve(
      'loss',
      [
        { round: 0, value: 2 },
        { round: 9, value: 2 },
      ],
      60,
    );
    expect(flat[0]).toMatch(/^ 2\.0000 ┤─{30,}$/);
    expect(curve('loss', points.slice(0, 1), 60)).toEqual([]);
    expect(curve('loss', points, 12)).toEqual([]);
  });
});

describe('table', () => {
  it('aligns, and leaves out columns that do not fit', () => {
    const rows = [
      { name: 'a', count: '1' },
      { name: 'longer', count: '1000' },
    ];
    const columns = [{ field: 'name' }, { field: 'count', title: 'n', right: true }] as const;
    const colors = pc.createColors(false);
    expect(table(rows, columns, { tableColumns: 40, colors })).toEqual([
      'name       n',
      'a          1',
      'longer  1000',
    ]);
    expect(table(rows, columns, { tableColumns: 11, colors })).toEqual(['name', 'a', 'longer']);
  });
});

describe('Screen', () => {
  async function terminal(env: Record<string, string> = {}, isTTY = true) {
    const stream = Object.assign(new PassThrough(), { isTTY, columns: 60, rows: 20 });
    let text = '';
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    return { screen: await Screen.open(stream, env), text: () => text };
  }

  it('redraws on a terminal only, and colours as the environment says', async () => {
    expect((await terminal()).screen).toMatchObject({
      live: true,
      columns: 59,
      tableColumns: 59,
      colors: { isColorSupported: true },
    });
    expect((await terminal({}, false)).screen).toMatchObject({ live: false, tableColumns: Number.POSITIVE_INFINITY });
    expect((await terminal({}, false)).screen.colors.isColorSupported).toBe(false);
    expect((await terminal({ NO_COLOR: '1' })).screen.colors.isColorSupported).toBe(false);
    expect((await terminal({ FORCE_COLOR: '1' }, false)).screen.colors.isColorSupported).toBe(true);
    expect((await terminal({ TERM: 'dumb' })).screen.live).toBe(false);
    expect((await terminal({ CI: 'true' })).screen.live).toBe(false);
  });

  it('keeps lines above what is redrawn, and shows that again below them', async () => {
    const { screen, text } = await terminal();
    screen.redraw(['progress']);
    screen.line('a warning');
    expect(text().indexOf('a warning')).toBeGreaterThan(text().indexOf('progress'));
    expect(text().lastIndexOf('progress')).toBeGreaterThan(text().indexOf('a warning'));
    screen.clear();
    screen.line('the end');
    expect(text().endsWith('the end\n')).toBe(true);
  });

  it('is plain text where it is no terminal, also for a console', async () => {
    const { screen, text } = await terminal({}, false);
    screen.redraw(['progress']);
    screen.console().log('one\ntwo %d', 2);
    screen.clear();
    expect(text()).toBe('one\ntwo 2\n');
  });
});
