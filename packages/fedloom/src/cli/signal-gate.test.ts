import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const GATE = fileURLToPath(new URL('./signal-gate.js', import.meta.url));

/** A process with a gate that says `heard` for SIGTERM and goes on; ends by what `script` does. */
async function signalled(script: string): Promise<{ signal: NodeJS.Signals | null; heard: number }> {
  const text = `
    import { SignalGate } from ${JSON.stringify(GATE)};
    const gate = new SignalGate(new Map([['SIGTERM', () => process.stdout.write('heard ')]]));
    const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const me = () => process.kill(process.pid, 'SIGTERM');
    ${script}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (more: string) => {
    said += more;
  });
  const signal = await new Promise<NodeJS.Signals | null>((resolve) => child.once('close', (_code, by) => resolve(by)));
  return { signal, heard: said.split('heard').length - 1 };
}

describe('SignalGate', () => {
  it('hears signals while no user code runs, before, between and after', async () => {
    const script = 'me(); await pause(20); gate.run(() => 1); await pause(20); me(); await pause(20); gate.close();';
    expect(await signalled(script)).toEqual({ signal: null, heard: 2 });
  });

  it('lets a signal end the process inside user code, and in what it goes on with', async () => {
    for (const script of [
      'gate.run(me); await pause(1000);',
      'gate.run(async () => { await null; me(); }); await pause(1000);',
      'gate.run(async () => { await pause(20); me(); }); await pause(1000);',
      'gate.run(() => new Promise(() => setInterval(me, 20))); await pause(1000);',
    ]) {
      expect(await signalled(script)).toEqual({ signal: 'SIGTERM', heard: 0 });
    }
  });

  it('hears a signal while user code waits', async () => {
    const script = `const { spawn } = await import('node:child_process');
      gate.run(() => pause(10_000));
      spawn('sh', ['-c', 'sleep 0.2; kill -TERM ' + process.pid + '; sleep 1'], { stdio: 'ignore' });
      await pause(800); gate.close(); process.exit();`;
    expect(await signalled(script)).toEqual({ signal: null, heard: 1 });
  });

  it('tells a signal that came just before user code ran', async () => {
    // The signal has come and waits to be told when the user's code takes the listener off.
    const script = 'me(); gate.run(() => 1); await pause(50); gate.close();';
    expect(await signalled(script)).toEqual({ signal: null, heard: 1 });
  });

  it('leaves signals to the listeners that user code brought first', async () => {
    const script = `gate.close(); process.on('SIGTERM', () => {});
      const later = new SignalGate(new Map([['SIGTERM', () => process.stdout.write('heard ')]]));
      later.run(me); await pause(20); process.exit();`;
    expect(await signalled(script)).toEqual({ signal: null, heard: 1 });
  });
});
