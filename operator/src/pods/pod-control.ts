import { Agent, request } from 'node:http';
import pLimit from 'p-limit';
import { z } from 'zod';
import type { ControlFacts } from './control-facts.ts';

/** Where a sync pod is, and what opens its control endpoints. */
export interface PodAddress {
  readonly ip: string;
  /** Of the Secret of its cluster; not for logs. */
  readonly token: string;
}

/** A pod did not do what it was asked; the message says which and why, and has no token in it. */
export class PodControlError extends Error {
  override readonly name = 'PodControlError';
}

/** It was started with another token. */
export class PodRefusalError extends PodControlError {}

interface Options {
  readonly port?: number;
  /** For so long an answer may take. */
  readonly timeoutMs?: number;
  /** So many pods are asked at once. */
  readonly parallel?: number;
}

/** Pods end idle connections later. */
const IDLE_MS = 4000;
const MAX_ANSWER_BYTES = 65_536;

const statusAnswer = z
  .object({
    draining: z.boolean(),
    connections: z.int().min(0),
    unpublished_workspaces: z.int().min(0).nullable(),
    stream_connected: z.boolean(),
    problems: z.array(z.string()),
    ops_per_second: z.number().min(0),
    pod_id: z.string().optional(),
  })
  .transform(
    (answer): ControlFacts => ({
      draining: answer.draining,
      connections: answer.connections,
      unpublishedWorkspaces: answer.unpublished_workspaces,
      streamConnected: answer.stream_connected,
      problems: answer.problems,
      opsPerSecond: answer.ops_per_second,
      podId: answer.pod_id,
    }),
  );

/** The control endpoints of sync pods. */
export class PodControl {
  readonly #port: number;
  readonly #timeoutMs: number;
  readonly #limit: ReturnType<typeof pLimit>;
  readonly #agent = new Agent({ keepAlive: true, timeout: IDLE_MS, maxFreeSockets: 1, scheduling: 'lifo' });

  constructor({ port = 8080, timeoutMs = 3000, parallel = 32 }: Options = {}) {
    this.#port = port;
    this.#timeoutMs = timeoutMs;
    this.#limit = pLimit(parallel);
  }

  /** What a pod says of itself. @throws PodControlError where it does not answer, or something that is no sync pod does */
  status(pod: PodAddress): Promise<ControlFacts> {
    return this.#ask(pod, 'GET', '/control/status');
  }

  /**
   * Has a pod take no more connections, end those that it has, spread over `seconds`, and publish everything. It can be
   * repeated. @throws PodControlError
   */
  drain(pod: PodAddress, seconds: number): Promise<ControlFacts> {
    return this.#ask(pod, 'POST', '/control/drain', JSON.stringify({ seconds }));
  }

  /** Has a pod that was drained serve again. It can be repeated. @throws PodControlError */
  resume(pod: PodAddress): Promise<ControlFacts> {
    return this.#ask(pod, 'POST', '/control/resume');
  }

  close(): void {
    this.#agent.destroy();
  }

  #ask(pod: PodAddress, method: 'GET' | 'POST', path: string, body?: string): Promise<ControlFacts> {
    return this.#limit(async () => {
      let answer: Answer;
      try {
        answer = await this.#send(pod, method, path, body);
      } catch (error) {
        throw new PodControlError(
          `pod at ${pod.ip} does not answer: ${error instanceof Error ? error.message : error}`,
        );
      }
      const { status, text } = answer;
      if (status >= 200 && status < 300) return factsIn(text, pod);
      if (status === 401 || status === 403) {
        throw new PodRefusalError(
          `pod at ${pod.ip} refuses the token: it began with another one, and takes this one when it is made anew`,
        );
      }
      throw new PodControlError(`pod at ${pod.ip} answers ${method} ${path} with ${status}`);
    });
  }

  #send({ ip, token }: PodAddress, method: string, path: string, body: string | undefined): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const sent = request({
        agent: this.#agent,
        host: ip,
        port: this.#port,
        method,
        path,
        headers: {
          authorization: `Bearer ${token}`,
          'content-length': Buffer.byteLength(body ?? ''),
          ...(body !== undefined && { 'content-type': 'application/json' }),
        },
      });
      const late = setTimeout(() => {
        sent.destroy(new Error(`no answer within ${this.#timeoutMs} ms`));
      }, this.#timeoutMs);
      const failed = (error: Error) => {
        clearTimeout(late);
        reject(error);
      };
      sent.on('error', failed);
      sent.on('response', (response) => {
        const chunks: Buffer[] = [];
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          length += chunk.length;
          if (length > MAX_ANSWER_BYTES) sent.destroy(new Error(`an answer of more than ${MAX_ANSWER_BYTES} bytes`));
          else chunks.push(chunk);
        });
        response.on('error', failed);
        response.on('end', () => {
          clearTimeout(late);
          resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString() });
        });
      });
      sent.end(body);
    });
  }
}

/** @throws PodControlError */
function factsIn(text: string, { ip }: PodAddress): ControlFacts {
  const answer = statusAnswer.safeParse(parsed(text));
  if (answer.success) return answer.data;
  const [issue] = answer.error.issues;
  const what = `${issue?.path.join('.') || 'it'}: ${issue?.message}`;
  throw new PodControlError(
    `pod at ${ip} answers what is no status (${what}): is its image a sync pod of this version?`,
  );
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Undefined where it is no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
