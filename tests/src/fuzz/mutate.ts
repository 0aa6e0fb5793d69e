import type { Dice } from '../faults/dice.js';

const CHANGES_MAX = 6;
const REPEATS_MAX = 2_000;
const NUMBERS = [0, 1, 7, 8, 127, 128, 255, 256, 1000, 32767, 65535, 65536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
const WRITTEN = ['0', '-0', '-1', '1', '1e308', '1e999', '9007199254740993', '4294967296', 'NaN', 'null', '0.5', '""'];

/** What inputs are made of beside themselves. */
export interface Materials {
  readonly dice: Dice;
  /** Texts that the code knows. */
  readonly words: readonly string[];
  /** Another input. */
  readonly other: () => Uint8Array;
  readonly bytesMax: number;
}

type Change = (input: Uint8Array, materials: Materials) => Uint8Array;

const at = (input: Uint8Array, dice: Dice) => dice.whole(0, input.length);
const bytesOf = (text: string) => new TextEncoder().encode(text);

/** What stands between two places is replaced. */
function replaced(input: Uint8Array, from: number, to: number, by: Uint8Array): Uint8Array {
  const changed = new Uint8Array(from + by.length + input.length - to);
  changed.set(input.subarray(0, from));
  changed.set(by, from);
  changed.set(input.subarray(to), from + by.length);
  return changed;
}

/** A piece of an input: mostly short. */
function piece(input: Uint8Array, dice: Dice): readonly [from: number, to: number] {
  const from = at(input, dice);
  return [from, Math.min(input.length, from + Math.floor(dice.logarithmic(1, Math.max(2, input.length))))];
}

const CHANGES: readonly Change[] = [
  function flipsABit(input, { dice }) {
    if (input.length === 0) return input;
    const changed = input.slice();
    const place = dice.whole(0, input.length - 1);
    changed[place] = (changed[place] ?? 0) ^ (1 << dice.whole(0, 7));
    return changed;
  },
  function writesAByte(input, { dice }) {
    const place = at(input, dice);
    return replaced(input, place, Math.min(place + 1, input.length), Uint8Array.of(dice.whole(0, 255)));
  },
  function writesANumber(input, { dice }) {
    const view = new DataView(new ArrayBuffer(8));
    const [bytes, little] = [dice.pick([1, 2, 4, 8]), dice.chance(0.7)];
    const number = dice.pick(NUMBERS);
    if (bytes === 1) view.setUint8(0, number);
    else if (bytes === 2) view.setUint16(0, number, little);
    else if (bytes === 4) view.setUint32(0, number, little);
    else view.setBigUint64(0, BigInt(number), little);
    const place = at(input, dice);
    return replaced(input, place, Math.min(place + bytes, input.length), new Uint8Array(view.buffer, 0, bytes));
  },
  function writesAnotherNumberAsText(input, { dice }) {
    const text = Buffer.from(input).toString('latin1');
    const numbers = [...text.matchAll(/-?\d+(?:\.\d+)?/g)];
    if (numbers.length === 0) return input;
    const { 0: number, index } = dice.pick(numbers);
    return replaced(input, index, index + number.length, bytesOf(dice.pick(WRITTEN)));
  },
  function takesAPieceAway(input, { dice }) {
    return replaced(input, ...piece(input, dice), new Uint8Array());
  },
  function repeatsAPiece(input, { dice, bytesMax }) {
    const [from, to] = piece(input, dice);
    if (from === to) return input;
    const times = Math.min(Math.floor(dice.logarithmic(1, REPEATS_MAX)), Math.ceil(bytesMax / (to - from)));
    const repeated = Uint8Array.from({ length: times * (to - from) }, (_, i) => input[from + (i % (to - from))] ?? 0);
    return replaced(input, from, from, repeated);
  },
  function movesAPiece(input, { dice }) {
    const [from, to] = piece(input, dice);
    const moved = input.slice(from, to);
    const rest = replaced(input, from, to, new Uint8Array());
    const place = at(rest, dice);
    return replaced(rest, place, place, moved);
  },
  function takesAPieceOfAnother(input, { dice, other }) {
    const from = other();
    const taken = from.slice(...piece(from, dice));
    const [start, end] = dice.chance(0.5) ? piece(input, dice) : [at(input, dice), 0];
    return replaced(input, start, Math.max(start, end), taken);
  },
  function writesAWord(input, { dice, words }) {
    if (words.length === 0) return input;
    const [from, to] = dice.chance(0.5) ? piece(input, dice) : [at(input, dice), 0];
    return replaced(input, from, Math.max(from, to), bytesOf(dice.pick(words)));
  },
  function writesAMark(input, { dice }) {
    const place = at(input, dice);
    return replaced(input, place, place, bytesOf(dice.pick([...'{}[]()",:;=|\n\r\t\0 -.#&*\\'])));
  },
];

/** Another input, near this one. */
export function mutated(input: Uint8Array, materials: Materials): Uint8Array {
  const { dice, bytesMax } = materials;
  let changed = input;
  for (let left = Math.floor(dice.logarithmic(1, CHANGES_MAX + 1)); left > 0; left -= 1) {
    changed = dice.pick(CHANGES)(changed, materials);
    if (changed.length > bytesMax) changed = changed.slice(0, bytesMax);
  }
  return changed;
}
