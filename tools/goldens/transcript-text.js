// The transcript of a run as people read it, in PROTOCOL.md section 15: every frame with who sent it.

import { createHash } from 'node:crypto';
import { decodeSafetensors } from 'fedloom';

const KINDS = { control: 1, withBody: 3 };
const INLINE_HEADER_BYTES = 8;

const number = (value) => value.toLocaleString('en-US');

/** A frame of kind 1 or 3: its message, and its body if it has one. */
export function decodeFrame(frame) {
  if (frame[0] === KINDS.control) return { kind: 1, text: frame.subarray(1).toString(), body: undefined };
  if (frame[0] !== KINDS.withBody) throw new Error(`the transcript has a frame of kind ${frame[0]}`);
  const end = INLINE_HEADER_BYTES + frame.readUInt32LE(4);
  return { kind: 3, text: frame.subarray(INLINE_HEADER_BYTES, end).toString(), body: frame.subarray(end) };
}

function* bodyLines(type, body) {
  if (type === 'plan') {
    yield `sha256:${createHash('sha256').update(body).digest('hex')}`;
    return;
  }
  for (const [name, { dtype, shape, data }] of decodeSafetensors(Uint8Array.from(body))) {
    yield `${name}  ${dtype} [${shape.join(', ')}]  ${[...data].join(' ')}`;
  }
}

/** @param frames each `{ from: 'client' | 'server', frame: Buffer }` */
export function transcriptText(frames) {
  const lines = [];
  for (const [at, { from, frame }] of frames.entries()) {
    const { kind, text, body } = decodeFrame(frame);
    const { type } = JSON.parse(text);
    const size = body === undefined ? '' : `, body of ${number(body.length)} bytes`;
    lines.push(`${String(at + 1).padStart(2)} ${from}  ${type}: kind ${kind}, ${number(frame.length)} bytes${size}`);
    lines.push(`     ${text.trimEnd()}`);
    if (body !== undefined) for (const line of bodyLines(type, body)) lines.push(`     ${line}`);
  }
  return `${lines.join('\n')}\n`;
}

/** The fixture's form: a line a frame, who sent it and its bytes in hexadecimal digits. */
export const writeFrames = (frames) => frames.map(({ from, frame }) => `${from} ${frame.toString('hex')}\n`).join('');

export function readFrames(text) {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => line.split(' '))
    .map(([from, hex]) => ({ from, frame: Buffer.from(hex, 'hex') }));
}
