import { expect, test } from 'vitest';
import { type ErrorCode, FedloomError, isFedloomError, isRemoteError } from './errors.js';

const unknown = (error: unknown) => error;

test('code, message, fields and cause are readable; it is an Error by its own name', () => {
  const cause = new Error('broken');
  const error = new FedloomError('plan.version', 'Another version.', { version: 3 }, { cause });
  expect(error).toBeInstanceOf(Error);
  expect(error).toMatchObject({ name: 'FedloomError', code: 'plan.version', message: 'Another version.', cause });
  expect(error.fields).toEqual({ version: 3 });
  expect(new FedloomError('plan.busy', 'Busy.').fields).toEqual({});
  expect(FedloomError.name).toBe('FedloomError');
});

test('the compiler knows every code and its fields', () => {
  // @ts-expect-error: there is no such code
  new FedloomError('plan.wersion', 'It is misspelt.', { version: 3 });
  // @ts-expect-error: the fields are missing
  new FedloomError('plan.version', 'They are needed.');
  // @ts-expect-error: it has another name
  new FedloomError('plan.version', 'It is misnamed.', { wersion: 3 });
  // @ts-expect-error: it has another type
  new FedloomError('plan.version', 'It is a number.', { version: '3' });
  // @ts-expect-error: nothing else belongs there
  new FedloomError('plan.version', 'It is too much.', { version: 3, path: 'x' });
  // @ts-expect-error: this code has no fields
  new FedloomError('plan.busy', 'It has none.', { version: 3 });
  // @ts-expect-error: what is computed is no code either
  new FedloomError(String('plan.busy'), 'It may be anything.');
  const codes: readonly ErrorCode[] = ['plan.busy', 'graph.shape'];
  expect(codes).toHaveLength(2);
});

test('a code narrows to its fields', () => {
  const error = unknown(new FedloomError('plan.cancelled', 'Stopped.', { stepsDone: 2, stepsTotal: 6 }));
  if (!isFedloomError(error, 'plan.cancelled')) throw new Error('it is one');
  const left: number = error.fields.stepsTotal - error.fields.stepsDone;
  expect(left).toBe(4);
  // @ts-expect-error: it has no such field
  expect(error.fields.steps).toBeUndefined();
  expect(isFedloomError(error, 'plan.busy')).toBe(false);
  expect(isFedloomError({ code: 'plan.cancelled', fields: {} }, 'plan.cancelled')).toBe(false);
});

test('what another party said keeps its code, known here or not, and has no fields of the catalogue', () => {
  const error = unknown(FedloomError.remote('plan.cancelled', 'I stopped.', 'ws://there'));
  expect(error).toBeInstanceOf(FedloomError);
  expect(error).toMatchObject({ code: 'plan.cancelled', fields: { remote: true, peer: 'ws://there' } });
  expect([isFedloomError(error, 'plan.cancelled'), isRemoteError(error)]).toEqual([false, true]);
  expect(isRemoteError(new FedloomError('plan.busy', 'Busy.'))).toBe(false);
});

test('is told anew by who knows more, and made again from its parts', () => {
  const first = new FedloomError('layer.option', 'units is 0.', { layer: 'dense', option: 'units', value: 0 });
  const told = first.reworded('Layer 2: units is 0.', { place: 2 });
  expect(told).toMatchObject({ code: 'layer.option', message: 'Layer 2: units is 0.', cause: first });
  expect(told.fields).toEqual({ layer: 'dense', option: 'units', value: 0, place: 2 });
  const { code, message, fields } = first;
  const again = FedloomError.from({ code, message, fields });
  expect(isFedloomError(again, 'layer.option') && again.fields.option).toBe('units');
});

test('errors of another copy of this module are errors of this one', async () => {
  const other = (await import(`${new URL('./errors.js', import.meta.url).href}?another`)) as {
    readonly FedloomError: typeof FedloomError;
  };
  expect(other.FedloomError).not.toBe(FedloomError);
  const error = unknown(new other.FedloomError('plan.busy', 'Busy.'));
  expect(error).toBeInstanceOf(FedloomError);
  expect(isFedloomError(error, 'plan.busy')).toBe(true);
  expect(new Error('Busy.')).not.toBeInstanceOf(FedloomError);
});
