import { z } from 'zod';

/** https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md#response-status-kind */
const statusBody = z.looseObject({
  message: z.string().catch(''),
  reason: z.string().catch(''),
  code: z.int().catch(0),
  details: z.looseObject({ kind: z.string().exactOptional() }).catch({}),
});

/** The API server refused a request. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  /** HTTP status. */
  readonly status: number;
  /** `NotFound`, `AlreadyExists`, `Conflict`, `Invalid`, `Forbidden`, `Expired`…; empty where it gave none. */
  readonly reason: string;

  constructor(status: number, reason: string, message: string) {
    super(message);
    this.status = status;
    this.reason = reason;
  }

  /** @param body of a response, or an ERROR event of a watch: a Status, or text of whoever answered instead */
  static parse(request: string, httpStatus: number, body: string): ApiError {
    const parsed = statusBody.safeParse(jsonOr(body, undefined));
    if (!parsed.success) return new ApiError(httpStatus, '', `${request}: ${httpStatus} ${body.slice(0, 500)}`);
    const { code, reason, message } = parsed.data;
    return new ApiError(code || httpStatus, reason, `${request}: ${message}`);
  }

  get isNotFound(): boolean {
    return this.status === 404;
  }

  /** Somebody else changed the object first, or it exists already. */
  get isConflict(): boolean {
    return this.status === 409;
  }

  /** Whoever asks may not do that, as it is told, for a quota or a policy may forbid it, too. */
  get isForbidden(): boolean {
    return this.status === 403;
  }

  /** The server is overloaded, starts or ends: the same request may succeed later. */
  get isTransient(): boolean {
    return this.status === 429 || this.status >= 500;
  }

  /** What was asked to go on from is too old: everything must be listed again. */
  get isExpired(): boolean {
    return this.status === 410;
  }
}

/** The API server did not answer, or not in time: nobody knows whether it did what it was asked. */
export class ApiUnavailableError extends Error {
  override readonly name = 'ApiUnavailableError';
}

function jsonOr<Other>(text: string, other: Other): unknown | Other {
  try {
    return JSON.parse(text);
  } catch {
    return other;
  }
}
