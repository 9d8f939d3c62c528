import { describe, expect, test } from '@jest/globals';
import type { KubeObject } from '../../src/kube/object.ts';
import type { Facts } from '../../src/observed/facts.ts';
import { appliedOf, kindAndName, UNCHECKED } from '../../src/plan/objects.ts';
import { planCluster } from '../../src/plan/plan.ts';
import { claimOf, controlOf, factsOf, podOf } from '../facts.ts';

const SET: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'c', namespace: 'ns' },
  spec: { replicas: 3 },
};
const SERVICE: KubeObject = {
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'c', namespace: 'ns' },
  spec: { ports: [] },
};

/** As the API server gives it back. */
function found(object: KubeObject, changes: Record<string, unknown> = {}): KubeObject {
  const metadata = { ...object.metadata, uid: 'u', resourceVersion: '7', generation: 1 };
  return { ...object, metadata, status: { replicas: 1 }, ...changes };
}

function planOf(observed: readonly KubeObject[], isApplied = true, facts: Facts = factsOf()) {
  const applied = new Map(isApplied ? [SET, SERVICE].map((one) => [kindAndName(one), appliedOf(one, found(one))]) : []);
  const { actions } = planCluster(facts, () => [SET, SERVICE], observed, applied);
  return actions.map(
    (action) =>
      `${action.kind} ${'object' in action ? action.object.kind : 'pod' in action ? action.pod.name : action.claim.name}: ${action.reason}`,
  );
}

test('a new cluster gets everything', () => {
  expect(planOf([], false)).toEqual(['apply StatefulSet: it is not there', 'apply Service: it is not there']);
});

test('what is as it was left is left alone, whatever its status and version', () => {
  const again = found(SERVICE);
  const newer = {
    ...again,
    metadata: { ...again.metadata, resourceVersion: '8', managedFields: [] },
    status: { loadBalancer: {} },
  };
  expect(planOf([found(SET), newer])).toEqual([]);
});

test('what somebody has changed is put back', () => {
  const changed = found(SERVICE, { spec: { ports: [1] } });
  expect(planOf([found(SET), changed])).toEqual(['apply Service: somebody has changed it']);
});

test('a StatefulSet is applied only as it was seen, and what has no pods however it is', () => {
  const seen = [SET, SERVICE].map((one) => found(one));
  const { actions } = planCluster(factsOf(), () => [SET, SERVICE], seen, new Map());
  expect(actions).toEqual([
    { kind: 'apply', object: SET, onlyAs: '7', reason: UNCHECKED },
    { kind: 'apply', object: SERVICE, reason: UNCHECKED },
  ]);
});

test('labels and annotations that others have added stay', () => {
  const seen = found(SERVICE);
  const annotated = {
    ...seen,
    metadata: { ...seen.metadata, annotations: { 'deployment.kubernetes.io/revision': '2' } },
  };
  expect(planOf([found(SET), annotated])).toEqual([]);
});

test('what was just applied is not applied again because it has not been seen yet', () => {
  const seen = found(SERVICE, { spec: { ports: [1] } });
  const before = { ...seen, metadata: { ...seen.metadata, resourceVersion: '6' } };
  expect(planOf([found(SET), before])).toEqual([]);
  expect(planOf([found(SET)])).toEqual([]);
});

test('after a start of the operator everything is applied once', () => {
  expect(planOf([found(SET), found(SERVICE)], false)).toHaveLength(2);
});

test('what is no longer wanted is deleted, once', () => {
  const owner = { apiVersion: 'etherply.io/v1alpha1', kind: 'EtherPlyCluster', name: 'c', uid: 'cluster-uid' };
  const route = { ...SERVICE, kind: 'Ingress', metadata: { ...SERVICE.metadata, ownerReferences: [owner] } };
  expect(planOf([found(SET), found(SERVICE), found(route)])).toEqual(['delete Ingress: the cluster no longer has it']);
  const going = found(route);
  const gone = { ...going, metadata: { ...going.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
  expect(planOf([found(SET), found(SERVICE), gone])).toEqual([]);
});

test('what belongs to nobody is adopted where it is wanted, and else left alone', () => {
  const stranger = { ...SERVICE, metadata: { ...SERVICE.metadata, name: 'stranger' } };
  const lost = { ...SERVICE, metadata: { ...SERVICE.metadata, ownerReferences: [] } };
  expect(planOf([found(SET), found(lost), found(stranger)])).toEqual(['apply Service: somebody has changed it']);
});

test('a paused cluster is left alone', () => {
  expect(planOf([], false, factsOf({}, { paused: true }))).toEqual([]);
});

test('without a Secret that pods need, pods stay as they are, and the rest is made', () => {
  expect(planOf([], false, factsOf({ secrets: new Map() }))).toEqual(['apply Service: it is not there']);
});

describe('larger volumes', () => {
  const larger = (facts: Partial<Facts> = {}) => factsOf(facts, { storage: { size: '20Gi' } });

  test('claims grow, and the StatefulSet is made anew around its pods', () => {
    expect(planOf([found(SET), found(SERVICE)], true, larger())).toEqual([
      'delete StatefulSet: new volumes are to have 20Gi, which only a new StatefulSet can say',
      ...[0, 1, 2].map((ordinal) => `grow shard-0-c-${ordinal}: volumes are to have 20Gi`),
    ]);
  });

  test('a claim that is large enough, or cannot grow, stays', () => {
    const claims = [
      claimOf(0, { size: '20Gi' }),
      claimOf(1, { storageClassName: 'fixed' }),
      claimOf(2, { isBound: false }),
    ];
    expect(planOf([found(SET), found(SERVICE)], true, larger({ claims }))).toHaveLength(1);
  });

  test('those of managed NATS grow in the same way', () => {
    const nats = { ...SET, metadata: { ...SET.metadata, name: 'c-nats' } };
    const facts = factsOf({}, { nats: { managed: { size: '20Gi' } } });
    const { actions } = planCluster(
      facts,
      () => [nats],
      [found(nats)],
      new Map([[kindAndName(nats), appliedOf(nats, found(nats))]]),
    );
    expect(actions).toMatchObject([
      { kind: 'delete', object: { metadata: { name: 'c-nats' } }, isOrphaning: true },
      { kind: 'grow', claim: { name: 'store-c-nats-0' }, size: '20Gi' },
    ]);
  });

  test('while the StatefulSet is away there are not to be fewer pods', () => {
    const facts = factsOf({ statefulSet: undefined }, { replicas: 1 });
    expect(planCluster(facts, () => [], [], new Map()).scale.replicas).toBe(3);
  });
});

test('pods that nobody wants to leave any more serve again before others are drained', () => {
  const pods = [podOf(0), podOf(1, { control: controlOf({ draining: true }), isReady: false }), podOf(2)];
  expect(planOf([found(SET), found(SERVICE)], true, factsOf({ pods }, { replicas: 2 }))).toEqual([
    'resume c-1: it is to stay as it is',
    'drain c-2: there are to be 2 pods',
  ]);
});
