import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ATTENDANT, attended } from './attendant.js';
import { LineSplitter } from './line-splitter.js';
import { type PartEnd, startPart } from './part.js';
import { shellWord, shellWords } from './shell-words.js';

/** A number that no other process has among its arguments. */
const mark = () => `${1e6 + Math.floor(Math.random() * 1e6)}.${process.pid}`;
const isRunning = (text: string) => execFileSync('ps', ['-A', '-o', 'args=']).toString().includes(`sleep ${text}`);

function started(command: string, leaveSeconds = 1, folder = '/') {
  const lines: string[] = [];
  const place = { host: { name: 'here' }, ssh: undefined, folder };
  const part = startPart({ place, command, leaveSeconds, onLine: (line, stream) => lines.push(`${stream}: ${line}`) });
  const said = async (line: string) => {
    while (!lines.includes(line)) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  return { part, lines, said };
}

describe('a part', () => {
  it('runs in its folder, tells its lines and how it ended', async () => {
    const { part, lines } = started('pwd; echo last >&2; exit 3', 1, '/tmp');
    expect(await part.ended).toEqual({ code: 3, how: 'exit code 3', lines: ['last'] } satisfies PartEnd);
    expect(lines.sort()).toEqual(['stderr: last', 'stdout: /tmp']);
  });

  it('tells of a signal, of a folder that is not there', async () => {
    expect(await started('kill -KILL $$').part.ended).toMatchObject({ code: 137, how: 'signal SIGKILL' });
    expect(await started('true', 1, '/no/such').part.ended).toMatchObject({ code: 97 });
  });

  it('leaves in order when it is stopped', async () => {
    const leave = 'process.on("SIGTERM", () => setTimeout(() => { console.log("bye"); process.exit(7); }, 300))';
    const script = `${leave}; setInterval(() => {}, 1000); console.log("up")`;
    const { part, lines, said } = started(`exec ${shellWords([process.execPath, '-e', script])}`, 10);
    await said('stdout: up');
    part.stop();
    expect(await part.ended).toMatchObject({ code: 7 });
    expect(lines).toEqual(['stdout: up', 'stdout: bye']);
  });

  it('is killed with all that it started, where it does not leave', async () => {
    const own = mark();
    const { part, said } = started(`trap "" TERM; sleep ${own} & sleep ${own} & echo up; wait; sleep ${own}`);
    await said('stdout: up');
    part.stop();
    expect((await part.ended).how).toBe('signal SIGKILL');
    expect(isRunning(own)).toBe(false);
  });

  it('leaves nothing behind that it started, however it ended', async () => {
    const own = mark();
    const { part } = started(`sleep ${own} & exit 4`);
    expect((await part.ended).code).toBe(4);
    expect(isRunning(own)).toBe(false);
  });

  it('has files that nobody else may read, and that are gone with it, however it ends', async () => {
    const privateFiles = [
      { name: 'key.pem', text: 'sécret\n' },
      { name: 'token', text: 'x'.repeat(5000) },
    ];
    for (const stopped of [false, true]) {
      const lines: string[] = [];
      const show = 'cd "$FEDLOOM_PRIVATE"; pwd; stat -c "%a %s" . key.pem token; cat key.pem; ps -o args= $$ $PPID';
      const part = startPart({
        place: { host: { name: 'here' }, ssh: undefined, folder: '/' },
        command: `${show}; echo up${stopped ? '; exec sleep 1000' : ''}`,
        privateFiles,
        leaveSeconds: 1,
        onLine: (line) => lines.push(line),
      });
      while (!lines.includes('up')) await new Promise((resolve) => setTimeout(resolve, 10));
      if (stopped) part.stop();
      await part.ended;
      const [folder = '', mode, ...files] = lines;
      expect([mode, files.slice(0, 3)]).toEqual([expect.stringMatching(/^700 /), ['600 8', '600 5000', 'sécret']]);
      expect(files.slice(3).join('\n')).not.toMatch(/sécret|xxxx/);
      expect(existsSync(folder)).toBe(false);
    }
  });

  it('ends when whoever started it is killed', async () => {
    const own = mark();
    const script = `
      import { startPart } from ${JSON.stringify(new URL('./part.js', import.meta.url).href)};
      const place = { host: { name: 'here' }, ssh: undefined, folder: '/' };
      startPart({ place, command: 'echo up; exec sleep ${own}', leaveSeconds: 1, onLine: console.log });
    `;
    const launcher = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(launcher.stdout, 'data');
    expect(isRunning(own)).toBe(true);
    launcher.kill('SIGKILL');
    while (isRunning(own)) await new Promise((resolve) => setTimeout(resolve, 20));
  });

  it('ends when whoever started it is not heard for long', async () => {
    const words = ['-c', ATTENDANT, ...attended('/', 'exec sleep 1000', 1).slice(0, -1), '1'];
    const [code] = await once(spawn('sh', words, { stdio: ['pipe', 'ignore', 'ignore'] }), 'close');
    expect(code).toBe(143);
  });
});

it('shellWords are read by a shell as they were', () => {
  const words = ['plain', 'two words', "it's", '$HOME `id` \\ "x"', '', '*', 'a\nb', '~', '-n', '#'];
  const read = execFileSync('sh', ['-c', `for word in ${shellWords(words)}; do printf '%s|' "$word"; done`]).toString();
  expect(read).toBe(`${words.join('|')}|`);
  expect(shellWord('/usr/bin/node')).toBe('/usr/bin/node');
});

it('LineSplitter gives whole lines, of a progress bar its last state', () => {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line));
  for (const piece of ['on', 'e\ntwo\r\n 10 %\r 99 %\r', '100 %\n\nlast']) splitter.add(piece);
  splitter.end();
  expect(lines).toEqual(['one', 'two', '100 %', '', 'last']);
});
