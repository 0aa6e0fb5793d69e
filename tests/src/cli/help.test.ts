import { describe, expect, it } from 'vitest';
import { Workplace } from './fedloom.js';

const COLUMNS = 80;

const say = async (args: string) => (await (await Workplace.create()).run(args)).stdout;

/** Lines that were broken before they were full, although no sentence ends there. */
function brokenEarly(text: string): readonly string[] {
  const lines = text.split('\n');
  return lines.filter((line, at) => {
    const next = /^\s*(\S+)/.exec(lines[at + 1] ?? '')?.[1];
    return (
      /[a-z,]$/.test(line) && next !== undefined && /^[a-z]/.test(next) && line.length + 1 + next.length <= COLUMNS
    );
  });
}

describe('help', async () => {
  const commands = [...(await say('--help')).matchAll(/^ {2}([a-z]+(?:-[a-z]+)*) /gm)].map(([, name = '']) => name);

  it('names the commands, within the width', async () => {
    expect((await say('--help')).split('\n').filter((line) => line.length > COLUMNS)).toEqual([]);
    expect(commands).toEqual(expect.arrayContaining(['new', 'run', 'server', 'client', 'partition', 'help']));
  });

  it.each(commands.filter((name) => name !== 'help'))(
    'of %s fills its lines, and tells each default once',
    async (name) => {
      const text = await say(`${name} --help`);
      expect(text).toContain(`Usage: fedloom ${name}`);
      const [about = '', ...rest] = text.split(/\n\n(?:Arguments|Options|Commands):/);
      expect(brokenEarly(about)).toEqual([]);
      expect(rest.join(' ').replace(/\s+/g, ' ')).not.toMatch(/\) \((?:default|required|one of)/);
      expect(text.split('\n').filter((line) => line.length > COLUMNS)).toEqual([]);
    },
  );

  it('says what must be given, what may be, and what is taken otherwise', async () => {
    const text = (await say('client --help')).replace(/\s+/g, ' ');
    expect(text).toContain('mqtt://HOST:PORT/PREFIX (required)');
    expect(text).toContain('trying to reach the server (default: 60)');
    expect((await say('partition --help')).replace(/\s+/g, ' ')).toContain(
      '(one of parts, npz, images; default: parts)',
    );
  });

  it('is there under each of its names, as is the version', async () => {
    expect(await say('help run')).toBe(await say('run --help'));
    expect(await say('help runs show')).toContain('Usage: fedloom runs show');
    expect(await say('help')).toBe(await say('--help'));
    expect(await say('-v')).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await say('-v')).toBe(await say('--version'));
  });

  it('of what is no command is an error that knows what was meant', async () => {
    const place = await Workplace.create();
    const ended = await Promise.all(['help foo', 'help runs shaw', 'new mine'].map((args) => place.run(args)));
    expect(ended.map(({ code }) => code)).toEqual([2, 2, 2]);
    const [foo, shaw, mine] = ended.map(({ stderr }) => stderr.replace(/\s+/g, ' '));
    expect(foo).toContain('There is no command "foo". There are new, run, ');
    expect(shaw).toContain('There is no command "runs shaw". Did you mean "show"?');
    expect(mine).toContain("required option '--template <name>' not specified. It is one of csv, images, texts,");
  });
});
