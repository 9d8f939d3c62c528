import type { IncomingMessage } from 'node:http';
import type { KubeConfig } from '@kubernetes/client-node';
import { z } from 'zod';
import { type Kind, kindOf } from '../kube/kinds.ts';
import type { KubeObject, ObjectRef } from '../kube/object.ts';
import { collectionPath, objectPath } from '../kube/paths.ts';
import { type StoredObject, storedObject } from '../kube/stored-object.ts';
import { ApiError, ApiUnavailableError } from './api-error.ts';
import { Deadline } from './deadline.ts';
import { type Call, HttpsTransport } from './https-transport.ts';
import { readWatch, type WatchEvent } from './watch-stream.ts';

const REQUEST_TIMEOUT_MS = 30_000;
const PAGE_LIMIT = 500;

export interface RequestReport {
  readonly method: Call['method'];
  /** The plural of the kind, or the path of a request that is for none. */
  readonly resource: string;
  /** HTTP status; 0: there was no answer. */
  readonly status: number;
  readonly seconds: number;
}

export interface KubeClientOptions {
  /** Whose fields those are that are applied. */
  readonly fieldManager: string;
  readonly requestTimeoutMs?: number;
  readonly onRequest?: (report: RequestReport) => void;
  /** Whether anything may be changed now; absent: always. */
  readonly mayWrite?: () => boolean;
}

/** Nothing may be changed now, and nothing was. */
export class WriteRefusedError extends Error {
  override readonly name = 'WriteRefusedError';
}

export interface ListOptions {
  /** Absent: of all namespaces. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly signal?: AbortSignal;
}

export interface ObjectList {
  readonly items: readonly StoredObject[];
  /** What a watch goes on from. */
  readonly resourceVersion: string;
}

export interface WatchOptions extends ListOptions {
  readonly resourceVersion: string;
  /** After so long the server ends the watch. */
  readonly timeoutSeconds: number;
  /** A watch on which nothing came for so long is dead: the server sends a bookmark every minute. */
  readonly idleTimeoutMs: number;
}

export interface DeleteOptions {
  /** Only this very object, and not a later one of the same name; else 409. */
  readonly uid?: string;
  /** Only as it was then; else 409. */
  readonly resourceVersion?: string;
  readonly propagation?: 'Background' | 'Foreground' | 'Orphan';
  readonly gracePeriodSeconds?: number;
}

export interface RequestScope {
  /** Gives the request up. */
  readonly signal?: AbortSignal;
  /** As the client's `requestTimeoutMs`, for this request. */
  readonly timeoutMs?: number;
}

interface RequestOptions extends RequestScope {
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  /** How the request is reported. */
  readonly resource?: string;
}

const page = z.looseObject({
  metadata: z.looseObject({ resourceVersion: z.string(), continue: z.string().optional() }),
  // The items of a list do not say what they are.
  items: z.array(z.looseObject({})),
});

/**
 * Objects of Kubernetes as raw JSON: nothing of them is lost that nobody here knows.
 * Every method throws ApiError when the server refuses, ApiUnavailableError when it does not answer, and what changes something
 * throws WriteRefusedError where that may not be.
 */
export class KubeClient {
  readonly #transport: HttpsTransport;
  readonly #options: KubeClientOptions;

  constructor(config: KubeConfig, options: KubeClientOptions) {
    this.#transport = new HttpsTransport(config);
    this.#options = options;
  }

  /** @returns undefined where there is none, or the kind is not installed */
  async get(kind: Kind, ref: ObjectRef, scope: RequestScope = {}): Promise<StoredObject | undefined> {
    try {
      const options = { ...scope, resource: kind.plural };
      return storedObject.parse(await this.request('GET', objectPath(kind, ref), options));
    } catch (error) {
      if (error instanceof ApiError && error.isNotFound) return undefined;
      throw error;
    }
  }

  /** All objects, however many, as they were at one moment. */
  async list(kind: Kind, { namespace, labelSelector, fieldSelector, signal }: ListOptions = {}): Promise<ObjectList> {
    const items: StoredObject[] = [];
    let next: string | undefined;
    for (;;) {
      const query = { labelSelector, fieldSelector, limit: String(PAGE_LIMIT), continue: next };
      const options = { query, resource: kind.plural, ...(signal && { signal }) };
      const { metadata, items: found } = page.parse(
        await this.request('GET', collectionPath(kind, namespace), options),
      );
      for (const item of found) {
        items.push(storedObject.parse({ ...item, apiVersion: kind.apiVersion, kind: kind.kind }));
      }
      next = metadata.continue;
      if (!next) return { items, resourceVersion: metadata.resourceVersion };
    }
  }

  /**
   * What happens to the objects of a kind after a resourceVersion; ends when the server ends it.
   * @throws ApiError 410 also in the middle, where the server can't go on
   */
  async *watch(kind: Kind, options: WatchOptions): AsyncGenerator<WatchEvent> {
    const { namespace, labelSelector, fieldSelector, resourceVersion, timeoutSeconds, idleTimeoutMs, signal } = options;
    const path = withQuery(collectionPath(kind, namespace), {
      watch: 'true',
      allowWatchBookmarks: 'true',
      labelSelector,
      fieldSelector,
      resourceVersion,
      timeoutSeconds: String(timeoutSeconds),
    });
    const name = `watch of ${kind.plural}`;
    const idle = new Deadline(idleTimeoutMs, `nothing came for ${idleTimeoutMs} ms`, signal);
    try {
      const call = { method: 'GET', path, signal: idle.signal } as const;
      const response = await this.#reported(call, `${kind.plural}/watch`, () => this.#transport.open(call));
      if (response.statusCode !== 200) throw ApiError.parse(name, response.statusCode ?? 0, await text(response));
      for await (const event of readWatch(response, name, () => idle.refresh())) yield event;
    } catch (error) {
      throw error instanceof ApiError ? error : unavailable(name, error, idle.signal);
    } finally {
      idle.clear();
    }
  }

  /**
   * Server-side apply: these fields become as they are here and the client's own; fields that it applied before and
   * that are not here any more go. Makes the object where there is none.
   * @param force takes fields from other managers; without it, 409 says who has them
   */
  async apply(
    object: KubeObject,
    { subresource, force = true }: { readonly subresource?: 'status'; readonly force?: boolean } = {},
  ): Promise<StoredObject> {
    const kind = kindOf(object);
    const query = { fieldManager: this.#options.fieldManager, force: String(force) };
    return storedObject.parse(
      await this.request('PATCH', objectPath(kind, refIn(object), subresource), {
        query,
        body: object,
        contentType: 'application/apply-patch+yaml',
        resource: kind.plural,
      }),
    );
  }

  /** @throws ApiError 409 where there is one already */
  async create(object: KubeObject, scope: RequestScope = {}): Promise<StoredObject> {
    const kind = kindOf(object);
    const query = { fieldManager: this.#options.fieldManager };
    const path = collectionPath(kind, object.metadata.namespace);
    const options = { ...scope, query, body: object, resource: kind.plural };
    return storedObject.parse(await this.request('POST', path, options));
  }

  /** Replaces an object whole. @throws ApiError 409 where it is not of `metadata.resourceVersion` any more */
  async replace(object: KubeObject, scope: RequestScope = {}): Promise<StoredObject> {
    const kind = kindOf(object);
    const query = { fieldManager: this.#options.fieldManager };
    const path = objectPath(kind, refIn(object));
    const options = { ...scope, query, body: object, resource: kind.plural };
    return storedObject.parse(await this.request('PUT', path, options));
  }

  /** JSON merge patch (RFC 7396): null takes a field away. */
  async mergePatch(
    kind: Kind,
    ref: ObjectRef,
    patch: Readonly<Record<string, unknown>>,
    { subresource }: { readonly subresource?: 'status' | 'scale' } = {},
  ): Promise<StoredObject> {
    return storedObject.parse(
      await this.request('PATCH', objectPath(kind, ref, subresource), {
        query: { fieldManager: this.#options.fieldManager },
        body: patch,
        contentType: 'application/merge-patch+json',
        resource: kind.plural,
      }),
    );
  }

  /** @returns false where there was none */
  async delete(kind: Kind, ref: ObjectRef, options: DeleteOptions = {}): Promise<boolean> {
    const { uid, resourceVersion, propagation, gracePeriodSeconds } = options;
    const body = {
      apiVersion: 'v1',
      kind: 'DeleteOptions',
      propagationPolicy: propagation,
      gracePeriodSeconds,
      preconditions: { uid, resourceVersion },
    };
    try {
      await this.request('DELETE', objectPath(kind, ref), { body, resource: kind.plural });
      return true;
    } catch (error) {
      if (error instanceof ApiError && error.isNotFound) return false;
      throw error;
    }
  }

  /** Any request: for what the methods above are not for. @returns the answer's JSON */
  async request(method: Call['method'], path: string, options: RequestOptions = {}): Promise<unknown> {
    const answer = await this.requestText(method, path, options);
    try {
      return JSON.parse(answer);
    } catch (cause) {
      // Something else answered in its place, as a proxy does.
      throw new ApiUnavailableError(`${method} ${path}: no JSON came back: ${answer.slice(0, 200)}`, { cause });
    }
  }

  /** As `request`, for what does not answer with JSON, as /readyz. */
  async requestText(method: Call['method'], path: string, options: RequestOptions = {}): Promise<string> {
    const { query = {}, body, contentType = 'application/json', resource = path, signal } = options;
    if (method !== 'GET' && this.#options.mayWrite?.() === false) throw new WriteRefusedError(`${method} ${path}`);
    const timeoutMs = options.timeoutMs ?? this.#options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    const deadline = new Deadline(timeoutMs, `no answer came in ${timeoutMs} ms`, signal);
    const call: Call = {
      method,
      path: withQuery(path, query),
      headers: { accept: 'application/json', ...(body !== undefined && { 'content-type': contentType }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: deadline.signal,
    };
    try {
      const response = await this.#reported(call, resource, () => this.#transport.send(call));
      const answer = await text(response).catch((error: unknown) => {
        throw unavailable(`${method} ${path}`, error, deadline.signal);
      });
      const { statusCode = 0 } = response;
      if (statusCode >= 300) throw ApiError.parse(`${method} ${path}`, statusCode, answer);
      return answer;
    } finally {
      deadline.clear();
    }
  }

  close(): void {
    this.#transport.close();
  }

  async #reported({ method }: Call, resource: string, send: () => Promise<IncomingMessage>): Promise<IncomingMessage> {
    const started = performance.now();
    const report = (status: number) =>
      this.#options.onRequest?.({ method, resource, status, seconds: (performance.now() - started) / 1000 });
    try {
      const response = await send();
      report(response.statusCode ?? 0);
      return response;
    } catch (error) {
      report(0);
      throw error;
    }
  }
}

function refIn({ metadata: { namespace, name } }: KubeObject): ObjectRef {
  return namespace === undefined ? { name } : { namespace, name };
}

function withQuery(path: string, query: Readonly<Record<string, string | undefined>>): string {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) parameters.set(name, value);
  return parameters.size === 0 ? path : `${path}?${parameters}`;
}

async function text(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

function unavailable(request: string, cause: unknown, signal: AbortSignal): ApiUnavailableError {
  if (cause instanceof ApiUnavailableError) return cause;
  return new ApiUnavailableError(`${request}: ${signal.aborted ? signal.reason : cause}`, { cause });
}
