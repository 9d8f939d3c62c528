import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { z } from 'zod';
import { CertificateAuthority } from '../control-plane/certificates.ts';
import { loadKubeconfig } from '../control-plane/control-plane.ts';
import { kubeconfigText } from '../control-plane/kubeconfig.ts';

/** A request that changes something: `PATCH …/statefulsets/c`. */
export type Effect = string;

interface Options {
  /** Path. Whose rights they are, and where the API server is. */
  readonly kubeconfig: string;
  /** The API server has done this, and whoever asked for it does not know yet. False: nobody will. */
  readonly onEffect?: (effect: Effect) => boolean;
}

const answered = z.looseObject({ metadata: z.looseObject({ resourceVersion: z.string().optional() }).default({}) });

/** Stands between an operator and the API server: counts, and may keep answers back. */
export class ApiFront {
  readonly #server: Server;
  readonly #options: Options;
  readonly #upstream: { readonly url: URL; readonly agent: Agent };
  /** Which version of an object an answer had last, by path. */
  readonly #versions = new Map<string, string>();
  /** Requests so far that are no changes; a watch counts as one. Others are those for Events and Leases. */
  readonly requests = { reads: 0, others: 0 };
  /** Those that are, except for Events and Leases. */
  readonly changed: Effect[] = [];
  /** So many requests for changes are under way now. */
  #changing = 0;
  /** So many were at once. */
  mostChanging = 0;

  private constructor(server: Server, options: Options, upstream: { url: URL; agent: Agent }) {
    this.#server = server;
    this.#options = options;
    this.#upstream = upstream;
    server.on('request', (incoming, outgoing) => void this.#pass(incoming, outgoing));
  }

  /** @param options.kubeconfig is left as it is; `kubeconfig` of the front has its rights and this place */
  static async start(options: Options): Promise<{ readonly front: ApiFront; readonly kubeconfig: string }> {
    const config = loadKubeconfig(options.kubeconfig);
    const [target, user] = [config.getCurrentCluster(), config.getCurrentUser()];
    if (target?.caData === undefined || user?.token === undefined) throw new Error('a token and a CA are needed');
    const authority = await CertificateAuthority.create('front-ca');
    const server = createServer(await authority.server('127.0.0.1')).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = new URL(target.server);
    const agent = new Agent({ keepAlive: true, ca: Buffer.from(target.caData, 'base64') });
    const front = new ApiFront(server, options, { url, agent });
    const kubeconfig = `${options.kubeconfig}.${front.#port}`;
    const text = kubeconfigText({
      server: `https://127.0.0.1:${front.#port}`,
      certificateAuthority: authority.cert,
      credentials: { token: user.token },
    });
    await writeFile(kubeconfig, text, { mode: 0o600 });
    return { front, kubeconfig };
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    this.#upstream.agent.destroy();
    await once(this.#server, 'close');
  }

  get #port(): number {
    return addressOf(this.#server).port;
  }

  async #pass(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { method = 'GET', url: path = '/', headers } = incoming;
    const isOther = /\/(events|leases)(\/|\?|$)/.test(path);
    const isChange = method !== 'GET' && !isOther;
    if (!isChange) this.requests[isOther ? 'others' : 'reads'] += 1;
    else {
      this.changed.push(effectOf(method, path));
      this.#changing += 1;
      this.mostChanging = Math.max(this.mostChanging, this.#changing);
    }
    try {
      const { url, agent } = this.#upstream;
      const passed = request(new URL(path, url), { method, headers, agent });
      incoming.pipe(passed);
      // What is under way when somebody is killed may happen all the same, and is told of.
      if (!isChange) outgoing.once('close', () => passed.destroy());
      const response = await answerOf(passed);
      const { statusCode = 502 } = response;
      if (!isChange) {
        outgoing.writeHead(statusCode, response.headers);
        outgoing.flushHeaders();
        response.pipe(outgoing);
        response.once('error', () => outgoing.destroy());
        return;
      }
      const body = await buffer(response);
      if (statusCode < 300 && this.#isEffect(method, path, body) && !this.#tell(method, path)) {
        outgoing.destroy();
        return;
      }
      outgoing.writeHead(statusCode, response.headers).end(body);
    } catch {
      outgoing.destroy(); // as the API server when it is away
    } finally {
      if (isChange) this.#changing -= 1;
    }
  }

  /** An apply that changes nothing leaves the version as it was. */
  #isEffect(method: string, path: string, body: Buffer): boolean {
    if (method !== 'PATCH') return true;
    const [object = path] = path.split('?');
    const version = answered.parse(JSON.parse(body.toString())).metadata.resourceVersion ?? '';
    const isNew = this.#versions.get(object.replace(/\/status$/, '')) !== version;
    this.#versions.set(object.replace(/\/status$/, ''), version);
    return isNew;
  }

  #tell(method: string, path: string): boolean {
    const { onEffect } = this.#options;
    return onEffect?.(effectOf(method, path)) ?? true;
  }
}

function effectOf(method: string, path: string): Effect {
  return `${method} ${path.replace(/\?.*$/, '').replace(/^.*\/namespaces\/[^/]+/, '…')}`;
}

function answerOf(passed: ReturnType<typeof request>): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    passed.once('response', resolve);
    passed.once('error', reject);
  });
}

function addressOf(server: Server): AddressInfo {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('the front has no port');
  return address;
}
