import { ByteBudget } from '../../../../packages/fedloom/dist/protocol/byte-budget.js';
import { Channel } from '../../../../packages/fedloom/dist/protocol/channel.js';
import { encodeChunk, encodeControl, encodeInline } from '../../../../packages/fedloom/dist/protocol/codec.js';
import { examples, pattern, update } from '../../../../packages/fedloom/dist/protocol/testing/messages.js';
import { HandConnection } from '../hand-connection.js';
import { check, joined, partsIn, type Target } from '../target.js';

const BUDGET_BYTES = 1_000_000;

/** Frames in their order, at either end of a channel. The first byte says which. */
export const target: Target = {
  seeds: () => {
    const [body, role] = [pattern(3000), Uint8Array.of(0)];
    const chunks = [
      encodeControl(update, { stream: 1, bytes: body.length }),
      encodeChunk(1, 0, body.subarray(0, 1000)),
      encodeChunk(1, 1000, body.subarray(1000)),
    ];
    return [
      joined([role, ...chunks, encodeInline(update, pattern(50)), encodeControl(examples.leave)]),
      joined([Uint8Array.of(1), encodeControl(examples.settled), encodeInline(examples.model, pattern(9))]),
      joined([role, encodeControl(examples.grant), encodeControl(examples.decline)]),
    ];
  },
  run(input) {
    const [first, ...frames] = partsIn(input);
    const role = (first?.[0] ?? 0) % 2 === 0 ? 'server' : 'client';
    const connection = new HandConnection();
    const budget = new ByteBudget(BUDGET_BYTES);
    const channel = new Channel(connection, {
      role,
      budget,
      onMessage: (_message, _body, release) => release(),
      onClosed: () => {},
    });
    if (role === 'client') channel.send(update, pattern(2000));
    for (const frame of frames) connection.handlers.frame(frame);
    if (channel.open) connection.handlers.closed('gone');
    else check(/^protocol\.[a-z-]+: ./.test(connection.closes[0] ?? ''), `closed without a code: ${connection.closes}`);
    check(budget.usedBytes === 0, `${budget.usedBytes} bytes of the budget are not given back`);
  },
};
