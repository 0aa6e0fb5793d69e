/** Data of one's own: from a file to a federation, and what is fixed on the way. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Workplace } from './fedloom.js';

const task = (options: string) => `
import { csv, defineTask, dense, sequential, sgd, softmaxCrossEntropy } from 'fedloom';
export default defineTask({
  name: 'patients',
  data: csv('patients.csv', { label: 'outcome', classes: ['healthy', 'ill'], ignore: ['hospital'], ${options} }),
  model: sequential([dense(2)]),
  loss: softmaxCrossEntropy(),
  training: { localEpochs: 1, batchSize: 4, optimizer: sgd({ learningRate: 0.1 }) },
});
`;

/** Rows of one hospital of two, or of both. */
function patients(hospitals: readonly string[]): string {
  const rows = Array.from({ length: 40 }, (_, at) => {
    const hospital = at % 3 === 0 ? 'north' : 'south';
    const age = at === 5 ? '' : 30 + ((at * 17) % 50);
    return [age, at % 2 === 0 ? 'f' : 'm', hospital, (at * 17) % 50 > 25 ? 'ill' : 'healthy'];
  });
  const chosen = rows.filter(([, , hospital]) => hospitals.includes(String(hospital)));
  return `age,sex,hospital,outcome\n${chosen.map((row) => row.join(',')).join('\n')}\n`;
}

const ALL = ['north', 'south'];
const LEARNED = "categories: { sex: ['f', 'm'] }, standardize: true, missing: 'mean', test: { share: 0.25 }";

/** What `fedloom statistics` printed to paste. */
const pasted = (stdout: string) => stdout.slice(stdout.indexOf('categories: {'));
const hashIn = (stdout: string) => /sha256:[0-9a-f]{64}/.exec(stdout)?.[0];

describe('fedloom statistics', () => {
  it('prints what makes the same model, to the bit, when it is fixed in the task', async () => {
    const place = await Workplace.create({ 'mine/patients.csv': patients(ALL), 'mine/task.ts': task(LEARNED) });
    const told = await place.run('statistics mine/task.ts');
    expect(told).toMatchObject({ code: 0 });
    expect(told.stdout).toMatch(/^mine\/task\.ts: 30 training samples$/m);
    expect(told.stdout).toMatch(/^age +1? +\d+ to \d+, mean/m);
    const learned = await place.run('run mine/task.ts 3 3 2');
    await place.write('mine/fixed.ts', task(`missing: 'mean', test: { share: 0.25 }, ${pasted(told.stdout)}`));
    const fixed = await place.run('run mine/fixed.ts 3 3 2');
    expect(hashIn(learned.stdout)).toBeDefined();
    expect(hashIn(fixed.stdout)).toBe(hashIn(learned.stdout));
  });

  it('adds up what sites print, and says what does not add up', async () => {
    const place = await Workplace.create({
      'north.csv': patients(['north']),
      'south.csv': patients(['south']),
      'all.csv': patients(ALL),
      'other.csv': 'a,b\n1,2\n',
      'broken.json': '{ "event": "round" }',
    });
    for (const site of ['north', 'south']) {
      const { stdout } = await place.run(`statistics ${site}.csv --json`);
      await place.write(`${site}.json`, stdout);
    }
    const event = async (sources: string) => {
      const { stdout } = await place.run(`statistics ${sources} --json`);
      return JSON.parse(stdout) as { samples: number; columns: { name: string; mean?: number; texts?: object }[] };
    };
    const [together, whole] = [await event('north.json south.json'), await event('all.csv')];
    expect(together.samples).toBe(40);
    expect(together.columns[0]?.mean).toBeCloseTo(whole.columns[0]?.mean ?? 0, 10);
    expect(together.columns.slice(1)).toEqual(whole.columns.slice(1));
    const unlike = await place.run('statistics north.csv other.csv');
    expect([unlike.code, unlike.stderr]).toEqual([
      1,
      expect.stringContaining('These data do not go together: columns age'),
    ]);
    const broken = await place.run('statistics broken.json');
    expect([broken.code, broken.stderr]).toEqual([1, expect.stringContaining('broken.json is not what')]);
  });

  it('tells of part folders, and of what is none', async () => {
    const place = await Workplace.create({
      'patients.csv': patients(ALL),
      'task.ts': task(LEARNED),
      'empty/a.txt': '',
    });
    await place.run('partition task.ts --clients 3 --out parts');
    const { stdout } = await place.run('statistics parts');
    expect(stdout).toMatch(/^parts: 30 training samples$/m);
    expect(stdout).toMatch(/^y \(label\) .*0 \d+, 1 \d+$/m);
    const none = await place.run('statistics empty');
    expect([none.code, none.stderr]).toEqual([1, expect.stringContaining('holds no parts')]);
  });
});

describe('fedloom partition', () => {
  it('draws who holds what', async () => {
    const place = await Workplace.create({ 'patients.csv': patients(ALL), 'task.ts': task(LEARNED) });
    const drawn = await place.run('partition task.ts --clients 3 --show');
    expect(drawn.code).toBe(0);
    expect(drawn.stdout).toMatch(/^client {2}train {2}test {2}0 1\n {5}0 {5}10 {5}4 {2}[░▒▓█] [░▒▓█]$/m);
    const { stdout } = await place.run('partition task.ts --clients 3 --show --json');
    const { clients } = JSON.parse(stdout) as { clients: { train: number; labels: number[] }[] };
    for (const { train, labels } of clients) expect(labels.reduce((sum, count) => sum + count, 0)).toBe(train);
    const nothing = await place.run('partition task.ts --clients 3');
    expect([nothing.code, nothing.stderr]).toEqual([
      2,
      expect.stringContaining('--out DIR writes them, --show draws them'),
    ]);
  });

  it('that cannot be is told before a run begins, of which nothing stays', async () => {
    const place = await Workplace.create({ 'patients.csv': patients(ALL), 'task.ts': task(LEARNED) });
    const { code, stdout, stderr } = await place.run('run task.ts 31 3 2');
    expect([code, stderr]).toEqual([1, expect.stringContaining('30 training samples for 31 clients')]);
    expect(stdout).not.toContain('resume');
    expect(await readdir(join(place.path, 'runs')).catch(() => [])).toEqual([]);
  });

  it("makes a site's own file the part of its client, once what is common to all is fixed", async () => {
    const place = await Workplace.create({ 'patients.csv': patients(['north']), 'task.ts': task(LEARNED) });
    const learned = await place.run('partition task.ts --clients 2 --index 1 --out part');
    expect([learned.code, learned.stderr]).toEqual([
      1,
      expect.stringMatching(
        /takes from its own rows what must be the same for all clients: standardize: true\. .*fedloom statistics/,
      ),
    ]);
    await place.write(
      'task.ts',
      task("categories: { sex: ['f', 'm'] }, standardize: { age: { mean: 50, deviation: 10 } }"),
    );
    const done = await place.run('partition task.ts --clients 2 --index 1 --out part');
    expect([done.code, done.stdout]).toEqual([
      0,
      expect.stringContaining('1 part of patients (all for client 1) in part'),
    ]);
    const part = JSON.parse(await readFile(join(place.path, 'part/client-1/part.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    expect(part).toMatchObject({ index: 1, clients: 2, samples: { train: 14, test: 0 } });
  });
});

it('parts of a table train to the model of the simulation, and those of other categories are refused', async () => {
  const place = await Workplace.create({
    'patients.csv': patients(ALL),
    'task.ts': task(LEARNED),
    'other.ts': task(LEARNED.replace("['f', 'm']", "['m', 'f']")),
  });
  const alone = await place.run('run task.ts 2 2 2 --seed 3');
  await place.run('partition task.ts --clients 2 --seed 3 --out parts');
  await place.run('partition other.ts --clients 2 --seed 3 --out other');
  const server = place.start('server task.ts 2 2 2 --seed 3 --listen 127.0.0.1:0 --json');
  const { url } = (await server.event('listening')) as unknown as { url: string };
  const refused = await place.run(`client --server ${url} --index 0-1 --data other`);
  expect([refused.code, refused.stderr]).toEqual([
    1,
    expect.stringMatching(
      /client-0\/part\.json: the rows were made into numbers otherwise than the training plan has it/,
    ),
  ]);
  const served = await place.run(`client --server ${url} --index 0-1 --data parts`);
  expect(served.code, served.stderr).toBe(0);
  await server.ended;
  expect((await server.event('finished')).modelHash).toBe(hashIn(alone.stdout));
});

it('a client whose own file gives other statistics is refused, and told what to do', async () => {
  const server = await Workplace.create({ 'patients.csv': patients(ALL), 'task.ts': task(LEARNED) });
  const site = await Workplace.create({ 'patients.csv': patients(['north']), 'task.ts': task(LEARNED) });
  const serving = server.start('server task.ts 1 1 1 --listen 127.0.0.1:0 --json');
  const { url } = (await serving.event('listening')) as unknown as { url: string };
  const { code, stderr } = await site.run(`client task.ts --server ${url} --index 0`);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /The server's training plan is .*takes from its own rows standardize: true: fix it .*`npx fedloom statistics`/,
  );
});
