import type { KubeObject } from '../kube/object.ts';
import type { ClaimFacts, PodFacts } from '../observed/facts.ts';

/** One effect, with why it is to happen, for a person. */
export type Action =
  /** By server-side apply. `found`: what somebody has made of it. `onlyAs`: the resourceVersion of what it was decided upon; another one stays as it is. */
  | {
      readonly kind: 'apply';
      readonly object: KubeObject;
      readonly found?: KubeObject;
      readonly onlyAs?: string;
      readonly reason: string;
    }
  /** `isOrphaning`: what belongs to it stays. */
  | { readonly kind: 'delete'; readonly object: KubeObject; readonly isOrphaning: boolean; readonly reason: string }
  /** It takes nobody in any more, sends away who is there, and publishes all that it has. */
  | { readonly kind: 'drain'; readonly pod: PodFacts; readonly reason: string }
  /** It serves again. */
  | { readonly kind: 'resume'; readonly pod: PodFacts; readonly reason: string }
  /** It is deleted, and made anew on the same volumes. */
  | { readonly kind: 'replace'; readonly pod: PodFacts; readonly reason: string }
  /** The volume is to be as large as that. */
  | { readonly kind: 'grow'; readonly claim: ClaimFacts; readonly size: string; readonly reason: string };

/** What stands in the way of something, for a person: what it is, and what to do. */
export interface Obstacle {
  /** In CamelCase, as of a condition. */
  readonly reason: string;
  readonly message: string;
}
