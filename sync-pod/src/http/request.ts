import type { HttpRequest, HttpResponse } from 'uWebSockets.js';
import type { ErrorCode } from '@etherply/protocol';

/** The status line of each error. */
export const STATUS = {
  bad_request: '400 Bad Request',
  unauthorized: '401 Unauthorized',
  permission_denied: '403 Forbidden',
  not_found: '404 Not Found',
  id_reused: '409 Conflict',
  precondition_failed: '412 Precondition Failed',
  too_large: '413 Content Too Large',
  rejected: '422 Unprocessable Content',
  too_fast: '429 Too Many Requests',
  quota_exceeded: '507 Insufficient Storage',
  unavailable: '503 Service Unavailable',
} as const satisfies Record<ErrorCode, string>;

const RETRY: ReadonlySet<ErrorCode> = new Set(['unavailable', 'too_fast']);

/** A request that is answered with an error. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** What is needed of a request after its handler has returned: uWebSockets.js forgets it then. */
export interface RequestFacts {
  readonly workspaceSegment: string;
  readonly query: URLSearchParams;
  readonly authorization: string;
  readonly protocols: readonly string[];
  readonly ifMatch: string;
}

export function readRequest(req: HttpRequest): RequestFacts {
  return {
    workspaceSegment: req.getParameter(0) ?? '',
    query: new URLSearchParams(req.getQuery()),
    authorization: req.getHeader('authorization'),
    protocols: req
      .getHeader('sec-websocket-protocol')
      .split(',')
      .map((name) => name.trim()),
    ifMatch: req.getHeader('if-match'),
  };
}

/** An answer that may come later, and is dropped where the client has gone by then. */
export class Reply {
  readonly #res: HttpResponse;
  #aborted = false;

  constructor(res: HttpResponse) {
    this.#res = res;
    res.onAborted(() => {
      this.#aborted = true;
    });
  }

  get aborted(): boolean {
    return this.#aborted;
  }

  json(body: string | Buffer, status = '200 OK'): void {
    this.#end(status, 'application/json', body);
  }

  text(body: string, contentType: string): void {
    this.#end('200 OK', contentType, body);
  }

  error(code: ErrorCode, message: string): void {
    this.#end(STATUS[code], 'application/json', JSON.stringify({ error: { code, message } }), RETRY.has(code));
  }

  #end(status: string, contentType: string, body: string | Buffer, retry = false): void {
    if (this.#aborted) return;
    this.#aborted = true;
    this.#res.cork(() => {
      this.#res.writeStatus(status).writeHeader('Content-Type', contentType);
      if (retry) this.#res.writeHeader('Retry-After', '1');
      this.#res.end(body);
    });
  }
}

/**
 * The body of a request, as text.
 * @throws HttpError where it is larger than `maxBytes`; never resolves where the client goes away
 */
export function readBody(res: HttpResponse, maxBytes: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    res.onData((chunk, isLast) => {
      size += chunk.byteLength;
      if (size > maxBytes) reject(new HttpError('too_large', `a body may have at most ${maxBytes} bytes`));
      else chunks.push(Buffer.from(new Uint8Array(chunk)));
      if (isLast && size <= maxBytes) resolve(Buffer.concat(chunks).toString());
    });
  });
}
