import { bytesOf } from '../api/quantity.ts';
import type { ClaimFacts, Facts } from '../observed/facts.ts';
import type { Action, Obstacle } from './action.ts';

/** How volumes get as large as the spec wants. */
export interface Volumes {
  readonly actions: readonly Action[];
  readonly obstacle: Obstacle | undefined;
  /** What the StatefulSet says of new claims cannot be changed: it is to be made anew around its pods. */
  readonly isNewSetNeeded: boolean;
}

/** Claims that ask for less than the spec says ask for more, where their class allows it. */
export function planVolumes({ cluster, claims, storageClasses, statefulSet }: Facts): Volumes {
  const { size } = cluster.spec.storage;
  const small = claims.filter((claim) => bytesOf(claim.size) < bytesOf(size) && !claim.isTerminating);
  const canGrow = ({ storageClassName }: ClaimFacts) => {
    // Where that cannot be known it is tried: the API server says so where it is not allowed.
    return storageClasses === undefined || storageClasses.some((one) => one.name === storageClassName && one.canGrow);
  };
  const stuck = small.find((claim) => claim.isBound && !canGrow(claim));
  const claimSize = statefulSet?.claimSize;
  return {
    actions: small.flatMap((claim): Action[] => {
      // One that is not bound yet cannot be changed.
      if (!claim.isBound || !canGrow(claim)) return [];
      return [{ kind: 'grow', claim, size, reason: `volumes are to have ${size}` }];
    }),
    obstacle: stuck && {
      reason: 'VolumeCannotGrow',
      message:
        `${stuck.name} has ${stuck.size}, and its storage class ${stuck.storageClassName ?? '(none)'} does not let volumes grow: ` +
        `allow it there (allowVolumeExpansion), or set spec.storage.size to what it was`,
    },
    isNewSetNeeded: claimSize !== undefined && bytesOf(claimSize) !== bytesOf(size),
  };
}
