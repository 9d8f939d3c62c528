import { z } from 'zod';
import type { Pod } from '../pod.ts';

export const CONTROL_TOKEN = 'a control token for tests';

const statusAnswer = z.strictObject({
  draining: z.boolean(),
  connections: z.number(),
  unpublished_workspaces: z.number().nullable(),
  stream_connected: z.boolean(),
  problems: z.array(z.string()),
  ops_per_second: z.number(),
});
export type Status = z.infer<typeof statusAnswer>;

/** What whoever runs a pod asks of it. */
export class ControlPlane {
  readonly #pod: Pod;

  constructor(pod: Pod) {
    this.#pod = pod;
  }

  /** The answer to a request with this header, whatever it is. */
  ask(method: 'GET' | 'POST', path: string, authorization?: string, body?: string): Promise<Response> {
    const headers = authorization === undefined ? {} : { authorization };
    return fetch(this.#pod.url(`/control/${path}`), { method, headers, ...(body !== undefined && { body }) });
  }

  status(): Promise<Status> {
    return this.#answer('GET', 'status');
  }

  drain(seconds: number): Promise<Status> {
    return this.#answer('POST', 'drain', JSON.stringify({ seconds }));
  }

  resume(): Promise<Status> {
    return this.#answer('POST', 'resume');
  }

  async #answer(method: 'GET' | 'POST', path: string, body?: string): Promise<Status> {
    const answer = await this.ask(method, path, `Bearer ${CONTROL_TOKEN}`, body);
    return statusAnswer.parse(await answer.json());
  }
}
