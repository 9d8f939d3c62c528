import type { HttpRequest, HttpResponse } from 'uWebSockets.js';

/**
 * Where a request comes from.
 * @param trustProxy whether the last address of X-Forwarded-For is that of the client
 */
export function addressOf(res: HttpResponse, req: HttpRequest, trustProxy: boolean): string {
  let forwarded: string | undefined;
  // Each proxy adds the address that it was called from, some in a line of their own: only the last one is the word of ours.
  if (trustProxy) {
    req.forEach((name, value) => {
      if (name === 'x-forwarded-for') forwarded = value.split(',').at(-1)?.trim();
    });
  }
  return forwarded || Buffer.from(res.getRemoteAddressAsText()).toString();
}
