import type { ApiError } from '../runtime/api-error.ts';

/** What the API server said when it refused something, with what a person can do about it. */
export function withAdvice({ isForbidden, message }: ApiError): string {
  if (!isForbidden) return message;
  const isQuota = message.includes('exceeded quota');
  return `${message}. ${isQuota ? 'Raise the quota' : 'Give the operator what its chart gives it, or allow this'}; it is tried again by itself`;
}
