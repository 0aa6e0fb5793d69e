import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { FedloomError } from '@fedloom/engine';
import * as z from 'zod';
import { parseRanges } from '../../core/index-ranges.js';
import { isLoopback } from '../../transport/websocket/upgrade-check.js';
import type { RunControl } from '../run/run-control.js';
import { metricsOf } from './metrics.js';

export interface AdminOptions {
  /** A loopback address: what is said here is not encrypted. Default 127.0.0.1. */
  readonly host?: string;
  /** Default: one that is free. */
  readonly port?: number;
  /** What an admin must know, who may look on and steer: at least 32 characters. */
  readonly token: string;
  /** What an observer must know, who may look on alone: at least 32 characters, and others. Default: there are none. */
  readonly observerToken?: string;
  /** Told of what an admin has done. Default: nobody is. */
  readonly onAct?: (act: OperatorAct) => void;
}

/** What an admin did, as it was asked for, and to whom. */
export interface OperatorAct {
  readonly act: 'pause' | 'resume' | 'stop' | 'kick' | 'ban' | 'unban';
  /** Indices: `0-3,7`. */
  readonly clients?: string;
  readonly session?: string;
  readonly host?: string;
}

/** The endpoints for operators of a run, on a socket of their own. */
export interface AdminServer {
  /** `http://127.0.0.1:9090` */
  readonly url: string;
  close(): Promise<void>;
}

const TOKEN_LENGTH_MIN = 32;
const BODY_BYTES_MAX = 64 << 10;
const TIMES = {
  headersTimeout: 10_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5_000,
  maxHeaderSize: 8 << 10,
} as const;
const CONNECTIONS_MAX = 64;

type Answer = { readonly status: number; readonly type: string; readonly text: string };

/** One that listens before the run is there, so that an address that cannot be had shows before anything begins. */
export interface EarlyAdminServer extends AdminServer {
  /** From now on there is something to tell. */
  attach(control: RunControl): void;
}

/**
 * Serves operators, each with `Authorization: Bearer <token>`: observers and admins `GET /status` and `/metrics` (Prometheus), admins alone
 * `POST /pause`, `/resume`, `/stop`, `/kick`, `/ban`, `/unban`. `GET /healthz` and `/readyz` are for everybody.
 * @throws FedloomError `admin.options`, `admin.listen`
 */
export async function serveAdmin(control: RunControl, options: AdminOptions): Promise<AdminServer> {
  const server = await listenAdmin(options);
  server.attach(control);
  return server;
}

/** As `serveAdmin`; until a run is attached it is not ready. @throws FedloomError `admin.options`, `admin.listen` */
export async function listenAdmin(options: AdminOptions): Promise<EarlyAdminServer> {
  const { host = '127.0.0.1', port = 0, token, observerToken } = options;
  if (!isLoopback(host)) {
    const message = `The endpoints for operators would listen on ${host}, unencrypted. Take 127.0.0.1, and a proxy with TLS in front of it.`;
    throw new FedloomError('admin.options', message, { option: 'host' });
  }
  checkTokens(token, observerToken);
  let control: RunControl | undefined;
  let metrics: ReturnType<typeof metricsOf> | undefined;
  const server = createServer(TIMES, (request, response) => {
    answer(request)
      .catch(
        (error: unknown): Answer =>
          json(error instanceof FedloomError ? 400 : 500, { error: (error as Error).message }),
      )
      .then((told) => respond(response, told))
      // Whoever asked has gone.
      .catch(() => response.destroy());
  });
  server.maxConnections = CONNECTIONS_MAX;
  await listen(server, host, port);

  async function answer(request: IncomingMessage): Promise<Answer> {
    const path = (request.url ?? '').replace(/\?.*/, '');
    if (path === '/healthz') return text(200, 'ok\n');
    if (path === '/readyz') return control && isReady(control) ? text(200, 'ready\n') : text(503, 'not ready\n');
    const { authorization } = request.headers;
    // Both are compared, whatever the first says.
    const [isAdmin, isObserver] = [knows(authorization, token), knows(authorization, observerToken)];
    if (!isAdmin && !isObserver) return json(401, { error: 'Say Authorization: Bearer <token>.' });
    if (!isAdmin && request.method !== 'GET') return json(403, { error: NOT_ADMIN });
    if (control === undefined) return json(503, { error: 'The run is being made ready.' });
    const endpoint = `${request.method} ${path}`;
    if (endpoint === 'GET /status') return json(200, control.status());
    if (endpoint === 'GET /metrics') {
      metrics ??= metricsOf(control);
      const { type, text: scrape } = await metrics;
      return { status: 200, type, text: await scrape() };
    }
    const act = ACTS[endpoint];
    if (act === undefined) return json(404, { error: `There is no ${endpoint} here.` });
    const body = await bodyOf(request);
    const told = act.on(control, body);
    options.onAct?.({ act: act.name, ...(act.takesWhom && (body as Omit<OperatorAct, 'act'>)) });
    return json(200, { ...told, phase: control.status().phase });
  }

  const { port: bound } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${bound}`,
    attach(run) {
      control = run;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

const NOT_ADMIN = "An observer looks on, and steers nothing: this wants an admin's token.";

/** @throws FedloomError `admin.options` */
function checkTokens(token: string, observerToken: string | undefined): void {
  for (const [option, text] of Object.entries({ token, observerToken })) {
    if (text === undefined || text.length >= TOKEN_LENGTH_MIN) continue;
    const whose = option === 'token' ? "admins'" : "observers'";
    const message = `The ${whose} token has ${text.length} characters; take at least ${TOKEN_LENGTH_MIN} that nobody can guess.`;
    throw new FedloomError('admin.options', message, { option });
  }
  if (token !== observerToken) return;
  const message = "The observers' token is that of admins: who has it could steer. Take another.";
  throw new FedloomError('admin.options', message, { option: 'observerToken' });
}

const isReady = (control: RunControl) => control.status().phase !== 'over';

const ranges = z.string().transform((typed) => parseRanges(typed));
const whom = z.strictObject({
  clients: ranges.optional(),
  session: z.string().optional(),
  host: z.string().optional(),
});
type Whom = z.infer<typeof whom>;

interface Act {
  readonly name: OperatorAct['act'];
  /** What it is told was checked to be whom. */
  readonly takesWhom: boolean;
  readonly on: (control: RunControl, body: unknown) => object;
}

const ACTS: Readonly<Record<string, Act>> = Object.fromEntries(
  (
    [
      { name: 'pause', takesWhom: false, on: (control) => told(() => control.pause()) },
      { name: 'resume', takesWhom: false, on: (control) => told(() => control.resume()) },
      { name: 'stop', takesWhom: false, on: (control) => told(() => control.stop()) },
      {
        name: 'kick',
        takesWhom: true,
        on: (control, body) => {
          const { clients, session } = whomIn(body);
          return { closed: control.kick({ ...(clients && { clients }), ...(session !== undefined && { session }) }) };
        },
      },
      { name: 'ban', takesWhom: true, on: (control, body) => ({ closed: control.ban(banIn(body)) }) },
      { name: 'unban', takesWhom: true, on: (control, body) => ({ lifted: control.unban(banIn(body)) }) },
    ] satisfies readonly Act[]
  ).map((act) => [`POST /${act.name}`, act]),
);

/** There is nothing to tell of it. */
function told(act: () => void): object {
  act();
  return {};
}

function banIn(body: unknown) {
  const { clients, host } = whomIn(body);
  return { ...(clients && { clients }), ...(host !== undefined && { host }) };
}

/** @throws FedloomError `admin.request` */
function whomIn(body: unknown): Whom {
  const checked = whom.safeParse(body);
  if (checked.success && Object.keys(checked.data).length > 0) return checked.data;
  throw new FedloomError(
    'admin.request',
    'Say whom: {"clients": "0-3,7"}, {"session": "s4"}, or of bans {"host": "10.0.0.7"}.',
  );
}

/** @throws FedloomError `admin.request` */
async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > BODY_BYTES_MAX) throw new FedloomError('admin.request', `More than ${BODY_BYTES_MAX} bytes were sent.`);
    chunks.push(chunk);
  }
  if (bytes === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch (cause) {
    throw new FedloomError('admin.request', 'What was sent is no JSON.', undefined, { cause });
  }
}

/** In a time that does not tell how much of a wrong token is right. */
function knows(header: string | undefined, token: string | undefined): boolean {
  if (token === undefined) return false;
  const digest = (said: string) => createHash('sha256').update(said).digest();
  return timingSafeEqual(digest(header ?? ''), digest(`Bearer ${token}`));
}

function json(status: number, value: object): Answer {
  return { status, type: 'application/json', text: `${JSON.stringify(value)}\n` };
}

function text(status: number, said: string): Answer {
  return { status, type: 'text/plain; charset=utf-8', text: said };
}

function respond(response: ServerResponse, { status, type, text: said }: Answer): void {
  response.writeHead(status, {
    'content-type': type,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(said);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const why = cause.code === 'EADDRINUSE' ? 'another process has the port' : cause.message;
      const message = `The endpoints for operators cannot listen on ${host}:${port}: ${why}. Choose another with --admin.`;
      reject(new FedloomError('admin.listen', message, { host, port }, { cause }));
    });
    server.listen(port, host, () => resolve());
  });
}
