import { bytesOf } from '../api/quantity.ts';
import { namesOf } from '../desired/names.ts';
import type { ClaimFacts, Facts } from '../observed/facts.ts';
import type { Action, Obstacle } from './action.ts';

/** How volumes get as large as the spec wants. */
export interface Volumes {
  readonly actions: readonly Action[];
  readonly obstacle: Obstacle | undefined;
  /** StatefulSets that are to be made anew around their pods, with the size: what they say of new claims cannot be changed. */
  readonly newSets: ReadonlyMap<string, string>;
}

/** The volumes of one StatefulSet. */
interface Group {
  readonly set: string;
  readonly claims: readonly ClaimFacts[];
  /** What the spec says. */
  readonly size: string;
  /** What the StatefulSet says; undefined: there is none. */
  readonly setSize: string | undefined;
}

/** Claims that ask for less than the spec says ask for more, where their class allows it. */
export function planVolumes(facts: Facts): Volumes {
  const groups = groupsOf(facts);
  const small = groups.flatMap(({ claims, size }) => {
    const isSmall = (claim: ClaimFacts) => bytesOf(claim.size) < bytesOf(size);
    // One that is not bound yet cannot be changed.
    return claims.flatMap((claim) =>
      claim.isBound && !claim.isTerminating && isSmall(claim) ? [{ claim, size }] : [],
    );
  });
  const stuck = small.find(({ claim }) => !canGrow(facts, claim))?.claim;
  return {
    actions: small.flatMap(({ claim, size }): Action[] => {
      return canGrow(facts, claim) ? [{ kind: 'grow', claim, size, reason: `volumes are to have ${size}` }] : [];
    }),
    obstacle: stuck && {
      reason: 'VolumeCannotGrow',
      message:
        `${stuck.name} has ${stuck.size}, and its storage class ${stuck.storageClassName ?? '(none)'} does not let volumes grow: ` +
        'allow it there (allowVolumeExpansion: true)',
    },
    newSets: new Map(groups.flatMap(({ set, size, setSize }) => (isOther(setSize, size) ? [[set, size]] : []))),
  };
}

function groupsOf({ cluster, claims, statefulSet, natsClaims, nats }: Facts): readonly Group[] {
  const names = namesOf(cluster);
  const { storage, nats: servers } = cluster.spec;
  const pods = { set: names.cluster, claims, size: storage.size, setSize: statefulSet?.claimSize };
  if (servers.managed === undefined) return [pods];
  return [pods, { set: names.nats, claims: natsClaims, size: servers.managed.size, setSize: nats?.claimSize }];
}

/** Where that cannot be known it is tried: the API server says so where it is not allowed. */
function canGrow({ storageClasses }: Facts, { storageClassName }: ClaimFacts): boolean {
  return storageClasses === undefined || storageClasses.some((one) => one.name === storageClassName && one.canGrow);
}

function isOther(setSize: string | undefined, size: string): boolean {
  return setSize !== undefined && bytesOf(setSize) !== bytesOf(size);
}
