/** How it is with the stream of a cluster. */
export type StreamFacts =
  /** It is as it is to be. */
  | { readonly state: 'ready' }
  /** It has not been looked at yet. */
  | { readonly state: 'unknown' }
  /** NATS does not answer. */
  | { readonly state: 'unreachable'; readonly message: string }
  /** It cannot be made what it is to be: somebody must decide. */
  | { readonly state: 'refused'; readonly message: string };
