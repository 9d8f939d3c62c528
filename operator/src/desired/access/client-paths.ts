/** What of the sync pods is for clients. All else, as metrics and control, is not. */
export const CLIENT_PATHS = [
  { path: '/v1', isPrefix: true },
  { path: '/healthz', isPrefix: false },
  { path: '/openapi.json', isPrefix: false },
] as const;
