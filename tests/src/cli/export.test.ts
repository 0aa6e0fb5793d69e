import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeSafetensors, loadModel } from 'fedloom';
import { describe, expect, it } from 'vitest';
import { describePython } from '../integration/python.js';
import { PythonProcess } from '../integration/python-process.js';
import { root } from '../repository/source-tree.js';
import { CLOUDS, type JsonLine, Workplace } from './fedloom.js';

const TRAINER = `
import { defineTask } from 'fedloom';
export default defineTask({
  name: 'own',
  trainer: () => ({
    getModelParams: () => ({ w: Float32Array.of(1, 2) }),
    setModelParams() {},
    train: () => ({ sampleCount: 1 }),
    test: () => ({ sampleCount: 1, results: { loss: 1 } }),
  }),
});
`;

const lastEvent = (stdout: string) => JSON.parse(stdout.trim().split('\n').at(-1) ?? '') as JsonLine;

describe('what a run has made leaves it', () => {
  it('as predictions of the command and of the library, by the folder alone', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const { stdout } = await place.run('run task.ts 4 4 3 --json');
    const finished = lastEvent(stdout) as JsonLine & { metrics: { accuracy: number }; model: string };
    expect((await place.run('partition task.ts --clients 1 --out parts')).code).toBe(0);
    await rm(join(place.path, 'task.ts'));
    const table = await place.run('predict latest --input parts/client-0');
    expect(table.code).toBe(0);
    const [header, ...rows] = table.stdout.trim().split('\n');
    expect(header).toBe('label,probabilities_0,probabilities_1,probabilities_2');
    const part = decodeSafetensors(await readFile(join(place.path, 'parts/client-0/test.safetensors')));
    const labels = rows.map((row) => Number(row.split(',')[0]));
    const right = labels.filter((label, i) => label === part.get('y')?.data[i]).length;
    expect(labels).toHaveLength(150);
    expect(right / 150).toBe(finished.metrics.accuracy);

    const written = await place.run('predict latest --input parts/client-0/test.safetensors --out predicted.jsonl');
    expect([written.code, written.stdout]).toEqual([0, '']);
    const objects = (await readFile(join(place.path, 'predicted.jsonl'), 'utf8')).trim().split('\n');
    expect(objects.map((line) => JSON.parse(line).label)).toEqual(labels);

    const model = await loadModel(join(finished.model, '..'));
    const x = part.get('x');
    expect([...((await model.predict(x as NonNullable<typeof x>)).label?.data ?? [])].map(Number)).toEqual(labels);
    await model.close();
    const file = join(place.path, 'model.onnx');
    expect((await place.run(['export', 'latest', '--onnx', file])).code).toBe(0);
    const again = await loadModel(file);
    expect(again.task).toBe('clouds');
    expect([...((await again.predict(x as NonNullable<typeof x>)).label?.data ?? [])].map(Number)).toEqual(labels);
    await again.close();
  });

  it('a model of a run may be named by the run: as a start, to evaluate, to export', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    const first = lastEvent((await place.run('run task.ts 4 2 2 --json')).stdout);
    const evaluated = lastEvent((await place.run('evaluate task.ts --model latest --json')).stdout);
    expect(evaluated).toMatchObject({ modelHash: first.modelHash, metrics: first.metrics, model: first.model });
    const still = '--set training.optimizer.learningRate=1e-30 --set training.batchSize=100';
    const id = String(first.model).split('/').at(-2)?.slice(0, 15);
    expect(lastEvent((await place.run(`run task.ts 4 2 1 --json --init ${id} ${still}`)).stdout).modelHash).toBe(
      first.modelHash,
    );
    const exported = await place.run('export latest --safetensors out.safetensors --json');
    expect(lastEvent(exported.stdout)).toMatchObject({
      event: 'exported',
      format: 'safetensors',
      modelHash: first.modelHash,
    });
    expect(await readFile(join(place.path, 'out.safetensors'))).toEqual(await readFile(String(first.model)));
    const none = await place.run('evaluate task.ts --model nothing');
    expect([none.code, none.stderr]).toEqual([
      1,
      expect.stringMatching(/no model nothing: no such file, and no such run either/),
    ]);
  });

  it('predicts for the rows of a table, as the task reads its own', async () => {
    const rows = Array.from({ length: 60 }, (_, i) => `${i % 7};${i % 2 === 0 ? 'f' : 'm'};${i % 2}`);
    const table = (lines: readonly string[]) => `\ufeffage;sex;sick\r\n${lines.join('\r\n')}\r\n`;
    const task = `
import { accuracy, csv, defineTask, dense, sequential, sgd, softmaxCrossEntropy } from 'fedloom';
const standardize = { age: { mean: 3, deviation: 2 } };
export default defineTask({
  name: 'patients',
  data: csv('patients.csv', { label: 'sick', classes: 2, categories: { sex: ['f', 'm'] }, standardize, test: { share: 0.2 } }),
  model: sequential([dense(2)]),
  loss: softmaxCrossEntropy(),
  metrics: [accuracy()],
  training: { localEpochs: 5, batchSize: 4, optimizer: sgd({ learningRate: 0.5 }) },
});
`;
    const place = await Workplace.create({ 'tasks/task.ts': task, 'tasks/patients.csv': table(rows) });
    await place.run('run tasks/task.ts 3 3 5');
    // Without the label, and with the columns in another order.
    await place.write('new.csv', 'sex,age\nf,1\nm,1\nm,6\nf,0\n');
    const predicted = await place.run('predict latest --input new.csv');
    expect(predicted.stderr).toMatch(/^4 samples of new\.csv/);
    expect(
      predicted.stdout
        .trim()
        .split('\n')
        .slice(1)
        .map((line) => line.split(',')[0]),
    ).toEqual(['0', '1', '1', '0']);
    await place.write('bad.csv', 'sex,age\nf,1\nx,1\n');
    const refused = await place.run('predict latest --input bad.csv');
    expect([refused.code, refused.stdout]).toEqual([1, '']);
    expect(refused.stderr).toMatch(/bad\.csv:3.*"x"/);
    await place.write('tasks/task.ts', task.replace('deviation: 2', 'deviation: 3'));
    const changed = await place.run('predict latest --input new.csv');
    expect(changed.stderr).toMatch(/read otherwise than when .*patients.* was trained/);
  });

  it('of training code of one’s own its parameters can, and the error says so', async () => {
    const place = await Workplace.create({ 'own.ts': TRAINER });
    await place.run('run own.ts 2 2 1');
    const refused = await place.run('export latest --onnx model.onnx');
    expect(refused.code).toBe(1);
    expect(refused.stderr).toMatch(/training code of its own.*there is no ONNX of it.*--safetensors/s);
    expect((await place.run('export latest --safetensors own.safetensors')).code).toBe(0);
    expect([...decodeSafetensors(await readFile(join(place.path, 'own.safetensors'))).keys()]).toEqual(['w']);
    await expect(loadModel(join(place.path, 'own.safetensors'))).rejects.toMatchObject({ code: 'model.onnx' });
  });

  it('what clients keep to themselves does not, and the error names it', async () => {
    const place = await Workplace.create({ 'task.ts': CLOUDS.replace('dense(3)', 'dense(4), dense(3)') });
    await place.run(['run', 'task.ts', '2', '2', '1', '--algorithm', 'fedPer(layers=1)']);
    const refused = await place.run('export latest --onnx model.onnx');
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringMatching(/each client keeps its own 1\.bias, 1\.weight/),
    ]);
  });

  it.each([
    ['export latest', /Say what to write/],
    ['predict latest --input nothing.safetensors', /no such file or folder/],
    ['predict latest --input task.ts', /\.safetensors/],
    ['predict latest --input nothing.csv', /the data of its task are no table/],
    ['predict latest --input .', /no part folder/],
    ['predict elsewhere --input .', /No run in/],
    ['export latest --onnx nowhere/model.onnx', /Cannot write .*nowhere\/model\.onnx/],
  ])('%s: one clear error', async (command, message) => {
    const place = await Workplace.create({ 'task.ts': CLOUDS });
    await place.run('run task.ts 2 2 1');
    const { code, stderr } = await place.run(command);
    expect(code).not.toBe(0);
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

const COMPARE = `
import json, struct, sys
import numpy, onnxruntime
part, model = sys.argv[1:]
data = open(part, 'rb').read()
header = json.loads(data[8 : 8 + struct.unpack('<Q', data[:8])[0]])
body = data[8 + struct.unpack('<Q', data[:8])[0] :]
def tensor(name, dtype):
    begin, end = header[name]['data_offsets']
    return numpy.frombuffer(body[begin:end], dtype).reshape(header[name]['shape'])
x, y = tensor('x', 'u1'), tensor('y', '<i4')
session = onnxruntime.InferenceSession(model)
outputs = [(one.name, one.type) for one in session.get_outputs()]
label, = session.run(['label'], {'x': x})
one, = session.run(['label'], {'x': x[:1]})
meta = session.get_modelmeta()
print(json.dumps({
    'samples': len(x), 'accuracy': float(numpy.mean(label == y)), 'labels': label.tolist(), 'one': one.tolist(),
    'inputs': [(i.name, i.type, i.shape) for i in session.get_inputs()], 'outputs': outputs,
    'metadata': meta.custom_metadata_map, 'producer': meta.producer_name,
}))
`;

describePython('ONNX Runtime in Python', () => {
  it('finds the classes of all MNIST test images that fedloom finds', async () => {
    const place = await Workplace.create({ 'compare.py': COMPARE });
    const task = join(root, 'examples/01-mnist/task.ts');
    const { stdout } = await place.run(`run ${task} 20 4 1 --json`);
    const finished = lastEvent(stdout) as JsonLine & { metrics: { accuracy: number } };
    await place.run(`partition ${task} --clients 1 --out parts`);
    expect((await place.run('export latest --onnx model.onnx')).code).toBe(0);
    const ours = (await place.run('predict latest --input parts/client-0')).stdout.trim().split('\n').slice(1);
    const compare = ['compare.py', 'parts/client-0/test.safetensors', 'model.onnx'];
    const python = await new PythonProcess(compare, { cwd: place.path }).ended;
    expect([python.code, python.stderr]).toEqual([0, '']);
    const theirs = JSON.parse(python.stdout);
    expect(theirs.samples).toBe(10_000);
    expect(theirs.labels).toEqual(ours.map((row) => Number(row.split(',')[0])));
    expect(theirs.accuracy).toBe(finished.metrics.accuracy);
    expect(theirs.one).toEqual(theirs.labels.slice(0, 1));
    expect(theirs.inputs).toEqual([['x', 'tensor(uint8)', ['batch', 784]]]);
    expect(theirs.outputs).toEqual([
      ['prediction', 'tensor(float)'],
      ['probabilities', 'tensor(float)'],
      ['label', 'tensor(int64)'],
    ]);
    expect(theirs.metadata).toMatchObject({ 'fedloom.task': 'mnist', 'fedloom.model': finished.modelHash });
    expect(theirs.producer).toBe('fedloom');
  });
});
