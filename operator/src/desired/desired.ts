import type { Apis } from '../observed/facts.ts';

/** What, besides the cluster itself, decides which objects there are to be. */
export interface Circumstances {
  /** Version of the operator: the tag of the image where the spec names none. */
  readonly version: string;
  /** Sync pods that there are to be now: while one hands over what it has, more than the spec says. */
  readonly replicas: number;
  /** Of all Secrets that pods take something of: pods are made anew when it changes. */
  readonly secretsHash: string;
  readonly apis: Apis;
}
