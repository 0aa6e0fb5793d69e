import {
  createServer,
  defineMessage,
  FedloomError,
  handleMessage,
  isFedloomError,
  joinFederation,
  type MessagePeer,
  simulate,
} from 'fedloom';
import { describe, expect, it } from 'vitest';
import { logisticRegression } from './logistic-regression.js';
import { RawClient } from './raw-client.js';

const size = { clients: 2, clientsPerRound: 2, rounds: 2, seed: 3 };

declare module 'fedloom' {
  interface ErrorFields {
    'acme.tired': { readonly hours: number };
  }
}

type Battery = { readonly type: 'acme/battery'; readonly percent: number };
type Advice = { readonly type: 'acme/advice'; readonly text: string };

const battery = defineMessage<Battery>({
  type: 'acme/battery',
  from: 'client',
  body: 'none',
  schema: {
    safeParse: (value) => {
      const { percent } = value as Partial<Battery>;
      return typeof percent === 'number' && percent >= 0 && percent <= 100
        ? { success: true, data: { type: 'acme/battery', percent } }
        : { success: false, error: { issues: [{ path: ['percent'], message: 'it must be 0 to 100' }] } };
    },
  },
});
const advice = defineMessage<Advice>({
  type: 'acme/advice',
  from: 'server',
  body: 'none',
  schema: {
    safeParse: (value) => ({ success: true, data: { type: 'acme/advice', text: String((value as Advice).text) } }),
  },
});

/** Both sides of an exchange, with what each heard. */
function exchange() {
  const heard: string[] = [];
  let answered: () => void = () => {};
  const answer = new Promise<void>((resolve) => {
    answered = resolve;
  });
  const server = {
    messages: [
      handleMessage(battery, ({ percent }, from) => {
        heard.push(`battery ${percent}`);
        from.send(advice, { text: percent < 20 ? 'rest' : 'go on' });
      }),
      advice,
    ],
  };
  const client = {
    messages: [
      battery,
      handleMessage(advice, ({ text }) => {
        heard.push(`advice ${text}`);
        answered();
      }),
    ],
    onPeer: (peer: MessagePeer) => {
      heard.push(`sent: ${peer.send(battery, { percent: 12 })}`);
    },
  };
  return { server, client, heard, answer };
}

describe('own messages', () => {
  it('pass in a simulation, and change nothing of the model', async () => {
    const { server, client, heard } = exchange();
    const task = logisticRegression();
    const plain = await simulate(task, { ...size, workers: 1 }).result;
    const result = await simulate(task, { ...size, workers: 1, ...server, clientSide: client }).result;
    expect(heard).toEqual(['sent: true', 'battery 12', 'advice rest']);
    expect(result.modelHash).toBe(plain.modelHash);
  });

  it('pass between processes; who does not know them takes part and never gets one', async () => {
    const { server: serverSide, client: clientSide, heard } = exchange();
    const task = logisticRegression();
    const told: Record<string, boolean> = {};
    const server = await createServer(task, {
      ...size,
      ...serverSide,
      workers: 1,
      onPeer: (peer) => {
        told[peer.session] = peer.send(advice, { text: 'welcome' });
      },
    });
    const join = (from: number, options: object) =>
      joinFederation(server.url, { clients: [{ from, count: 1 }], task, workers: 1, ...options });
    const [result, ...ends] = await Promise.all([server.result, join(0, clientSide), join(1, {})]);
    expect([result.status, ...ends.map((end) => end?.reason)]).toEqual(['completed', 'completed', 'completed']);
    expect(heard.sort()).toEqual(['advice rest', 'advice welcome', 'battery 12', 'sent: true']);
    expect(Object.values(told).sort()).toEqual([false, true]);
  });

  it('are not sent to a server that does not know them', async () => {
    const { client, heard } = exchange();
    const task = logisticRegression();
    const server = await createServer(task, { ...size, workers: 1 });
    const joining = joinFederation(server.url, { clients: [{ from: 0, count: 2 }], task, workers: 1, ...client });
    expect((await server.result).status).toBe('completed');
    await joining;
    expect(heard).toEqual(['sent: false']);
  });

  it('a client whose handler fails ends with its error', async () => {
    const { server: serverSide, client } = exchange();
    const task = logisticRegression();
    const server = await createServer(task, { ...size, ...serverSide, workers: 1 });
    const tired = handleMessage(advice, () =>
      Promise.reject(new FedloomError('acme.tired', 'Not today.', { hours: 3 })),
    );
    const joining = joinFederation(server.url, {
      clients: [{ from: 0, count: 1 }],
      task,
      workers: 1,
      messages: [battery, tired],
      onPeer: client.onPeer,
    });
    const error: unknown = await joining.catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'acme.tired', message: 'Not today.' });
    const hours: number | undefined = isFedloomError(error, 'acme.tired') ? error.fields.hours : undefined;
    expect(hours).toBe(3);
    await server.close();
  });

  it('are announced in the welcome; before the handshake and with nonsense in them they cost the connection', async () => {
    const { server: serverSide, heard } = exchange();
    const server = await createServer(logisticRegression(), { ...size, ...serverSide, workers: 1 });
    const early = await RawClient.connect(server.url);
    early.send({ type: 'acme/battery', percent: 50 });
    expect(await early.closed).toMatch(/^protocol\.order/);
    const raw = await RawClient.connect(server.url);
    raw.send({ type: 'hello', versions: [2], software: 'raw', capabilities: ['acme/battery', 'other/thing'] });
    await raw.next('challenge');
    raw.send({ type: 'auth', method: 'none' });
    expect((await raw.next('welcome')).capabilities).toEqual(['acme/battery']);
    raw.send({ type: 'acme/battery', percent: 101 });
    expect(await raw.closed).toMatch(/^protocol\.message.*'percent'/);
    expect(heard).toEqual([]);
    const plain = await RawClient.connect(server.url);
    plain.send({ type: 'hello', versions: [2], software: 'raw', capabilities: [] });
    await plain.next('challenge');
    plain.send({ type: 'auth', method: 'none' });
    expect(await plain.next('welcome')).not.toHaveProperty('capabilities');
    plain.kill();
    await server.close();
  });
});
