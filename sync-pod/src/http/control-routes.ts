import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js';
import { problemOf } from '@etherply/protocol';
import { z } from 'zod';
import { isControlToken } from '../auth/control-token.ts';
import type { Drain } from '../control/drain.ts';
import { HttpError, Reply, readBody } from './request.ts';

/** What `/control/status` says; every route answers with it. */
export interface ControlStatus {
  /** Nothing new is taken in. */
  readonly draining: boolean;
  readonly connections: number;
  /** Workspaces, open or not, with something that the stream may lack. 0: it has everything. Null: not known. */
  readonly unpublished_workspaces: number | null;
  readonly stream_connected: boolean;
  /** What whoever runs it should know, one line each. */
  readonly problems: readonly string[];
  readonly ops_per_second: number;
  /** Of its volume, and of its consumer; absent where it has none. */
  readonly pod_id?: string;
}

interface Options {
  /** Who sends it may do all this. */
  readonly token: string;
  readonly drain: Drain;
  readonly status: () => Promise<ControlStatus>;
  /** Answers a request that has failed. */
  readonly fail: (reply: Reply, error: unknown) => void;
}

const MAX_BODY_BYTES = 1024;
const MAX_SECONDS = 3600;
const drainBody = z.object({ seconds: z.int().min(0).max(MAX_SECONDS) });

/** The routes for whoever runs pods: an operator, or a script. They are not for clients, and have a token of their own. */
export class ControlRoutes {
  readonly #options: Options;

  constructor(options: Options) {
    this.#options = options;
  }

  /** Adds the routes to an app. */
  register(app: TemplatedApp): void {
    const { drain } = this.#options;
    app.get('/control/status', (res, req) => this.#answer(res, req, () => undefined));
    app.post('/control/drain', (res, req) => this.#answer(res, req, (body) => drain.begin(secondsOf(body))));
    app.post('/control/resume', (res, req) => this.#answer(res, req, () => drain.resume()));
  }

  #answer(res: HttpResponse, req: HttpRequest, act: (body: string) => void): void {
    const isAllowed = isControlToken(this.#options.token, req.getHeader('authorization'));
    const reply = new Reply(res);
    const body = readBody(res, MAX_BODY_BYTES);
    const answer = async () => {
      if (!isAllowed) throw new HttpError('unauthorized', 'send the control token as Authorization: Bearer');
      act(await body);
      return JSON.stringify(await this.#options.status());
    };
    body.catch(() => undefined);
    void answer().then(
      (text) => reply.json(text),
      (error: unknown) => this.#options.fail(reply, error),
    );
  }
}

/** @throws HttpError */
function secondsOf(body: string): number {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    throw new HttpError('bad_request', 'the body is not JSON');
  }
  const parsed = drainBody.safeParse(value);
  if (!parsed.success) throw new HttpError('bad_request', problemOf(parsed.error));
  return parsed.data.seconds;
}
