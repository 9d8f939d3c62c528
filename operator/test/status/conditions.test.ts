import { describe, expect, test } from '@jest/globals';
import type { Facts } from '../../src/observed/facts.ts';
import { planCluster } from '../../src/plan/plan.ts';
import type { Situation } from '../../src/status/situation.ts';
import { statusOf } from '../../src/status/status.ts';
import { claimOf, controlOf, factsOf, podOf } from '../facts.ts';

const NOW = '2026-11-26T12:00:00Z';

function conditionsOf(facts: Facts, failures: readonly string[] = []) {
  const plan = planCluster(facts, () => [], [], new Map());
  const situation: Situation = { facts, plan, failures };
  const { conditions } = statusOf(situation, 'a=b', NOW);
  return Object.fromEntries((conditions ?? []).map((condition) => [condition.type, condition]));
}

test('a cluster in which all is well', () => {
  const summary = Object.entries(conditionsOf(factsOf())).map(
    ([type, { status, reason }]) => `${type}=${status} ${reason}`,
  );
  expect(summary).toEqual([
    'Available=True Serving',
    'Progressing=False Stable',
    'Degraded=False AsExpected',
    'StreamReady=True AsSpecified',
    'StorageReady=True Bound',
    'IngressReady=True RouterReady',
    'ScalingBlocked=False NotBlocked',
  ]);
});

const unready = [podOf(0, { isReady: false }), podOf(1, { isReady: false }), podOf(2, { isReady: false })];
const OLD = { revision: 'old', template: { image: 'pod:1', annotations: {} } };

describe('each condition', () => {
  test.each<
    [
      type: string,
      status: string,
      reason: string,
      message: RegExp,
      facts: Partial<Facts>,
      spec?: Record<string, unknown>,
    ]
  >([
    ['Available', 'False', 'NoPodReady', /no pod is ready yet/, { pods: unready }],
    [
      'Available',
      'False',
      'NoPodReady',
      /c-0: sync-pod: ImagePullBackOff/,
      { pods: [podOf(0, { isReady: false, problem: 'sync-pod: ImagePullBackOff: no such image' })] },
    ],
    [
      'Available',
      'False',
      'SecretMissing',
      /there is no Secret jwt; create it with the key jwt-secret/,
      { pods: [], secrets: new Map() },
    ],
    [
      'Available',
      'False',
      'RouterNotReady',
      /router/,
      { router: { replicas: 2, readyReplicas: 0, isCurrent: true, claimSize: undefined, problem: undefined } },
    ],
    [
      'Available',
      'True',
      'Serving',
      /1 of 3 pods/,
      { pods: [podOf(0), podOf(1, { isReady: false }), podOf(2, { isReady: false })] },
    ],
    ['Progressing', 'False', 'Paused', /everything is left as it is/, { pods: unready }, { paused: true }],
    ['Progressing', 'True', 'Starting', /0 of 3 pods are ready/, { pods: unready }],
    ['Progressing', 'True', 'Scaling', /from 3 to 5 pods/, {}, { replicas: 5 }],
    ['Progressing', 'True', 'Scaling', /from 3 to 2 pods; c-2 sends away its clients/, {}, { replicas: 2 }],
    [
      'Progressing',
      'True',
      'Rolling',
      /2 of 3 pods are to be made anew: the image is now pod:2; c-1 sends away its clients/,
      { pods: [podOf(0, OLD), podOf(1, OLD), podOf(2)] },
    ],
    ['Progressing', 'True', 'GrowingVolumes', /as large as the spec says/, {}, { storage: { size: '20Gi' } }],
    [
      'Degraded',
      'True',
      'SecretMissing',
      /lacks the key jwt-secret/,
      { secrets: new Map([['jwt', { keys: new Set<string>(), hash: '' }]]) },
    ],
    [
      'Degraded',
      'True',
      'PodFailing',
      /c-1: .*CrashLoopBackOff/,
      { pods: [podOf(0), podOf(1, { problem: 'sync-pod: CrashLoopBackOff' })] },
    ],
    [
      'Degraded',
      'True',
      'PodUnwell',
      /c-0: shard 0 is down/,
      { pods: [podOf(0, { control: controlOf({ problems: ['shard 0 is down'] }) })] },
    ],
    ['Degraded', 'True', 'StreamRefused', /full/, { stream: { state: 'refused', message: 'it is full' } }],
    ['StreamReady', 'False', 'NatsUnreachable', /timeout/, { stream: { state: 'unreachable', message: 'timeout' } }],
    [
      'StreamReady',
      'False',
      'NotReady',
      /start/,
      {
        stream: { state: 'unreachable', message: 'timeout' },
        nats: { replicas: 1, readyReplicas: 0, isCurrent: true, claimSize: undefined, problem: undefined },
      },
    ],
    [
      'StorageReady',
      'False',
      'NoStorageClass',
      /no storage class is the default one/,
      { claims: [claimOf(0, { isBound: false, storageClassName: undefined })], storageClasses: [], pods: [] },
    ],
    [
      'StorageReady',
      'False',
      'StorageClassMissing',
      /there is no storage class fast/,
      { claims: [claimOf(0, { isBound: false, storageClassName: 'fast' })], pods: [] },
      { storage: { storageClassName: 'fast' } },
    ],
    [
      'StorageReady',
      'False',
      'VolumeCannotGrow',
      /does not let volumes grow/,
      { storageClasses: [{ name: 'standard', isDefault: true, canGrow: false }] },
      { storage: { size: '20Gi' } },
    ],
    [
      'StorageReady',
      'False',
      'VolumeFailing',
      /shard-0-c-1: its volume is lost/,
      { claims: [claimOf(0), claimOf(1, { problem: 'its volume is lost' })] },
    ],
    [
      'StorageReady',
      'False',
      'ClaimsPending',
      /1 volumes/,
      { claims: [claimOf(0), claimOf(1)], pods: [podOf(0), podOf(1)] },
    ],
    ['StorageReady', 'False', 'ClaimDeleted', /a claim of c-2 was deleted/, { claims: [claimOf(0), claimOf(1)] }],
    [
      'IngressReady',
      'False',
      'GatewayApiMissing',
      /install the Gateway API/,
      {},
      { ingress: { mode: 'gatewayAPI', gateway: { name: 'g' } } },
    ],
    [
      'IngressReady',
      'True',
      'WithoutStickiness',
      /slower/,
      { apis: { ...factsOf().apis, httpRoute: true } },
      { ingress: { mode: 'gatewayAPI', gateway: { name: 'g' } } },
    ],
    [
      'ScalingBlocked',
      'True',
      'HandOverBlocked',
      /it does not answer/,
      { pods: [podOf(0), podOf(1), podOf(2, { control: undefined })] },
      { replicas: 2 },
    ],
    [
      'ScalingBlocked',
      'True',
      'AutoscalerFailing',
      /FailedGetPodsMetric/,
      { autoscaler: { problem: 'FailedGetPodsMetric: none' } },
      { autoscaling: {} },
    ],
  ])('%s is %s with %s', (type, status, reason, message, facts, ...[spec]) => {
    expect(conditionsOf(factsOf(facts, spec))[type]).toMatchObject({
      status,
      reason,
      message: expect.stringMatching(message),
    });
  });
});

test('what was refused is said', () => {
  const { Degraded } = conditionsOf(factsOf(), ['StatefulSet c: exceeded quota']);
  expect(Degraded).toMatchObject({ status: 'True', reason: 'Refused', message: 'StatefulSet c: exceeded quota' });
});

test('all that is wrong is said, the most important first', () => {
  const facts = factsOf({
    pods: [podOf(0, { problem: 'sync-pod: OOMKilled' })],
    stream: { state: 'refused', message: 'it is full' },
  });
  expect(conditionsOf(facts).Degraded).toMatchObject({
    reason: 'PodFailing',
    message: 'c-0: sync-pod: OOMKilled. it is full',
  });
});

describe('the time of a condition', () => {
  const before = '2026-01-01T00:00:00Z';
  const had = (status: 'True' | 'False') => {
    const facts = factsOf();
    const condition = { type: 'Available', status, reason: 'Serving', message: 'else', lastTransitionTime: before };
    return { ...facts, cluster: { ...facts.cluster, status: { conditions: [condition] } } };
  };

  test('stays when only the message changes', () => {
    expect(conditionsOf(had('True')).Available).toMatchObject({
      lastTransitionTime: before,
      message: '3 of 3 pods are ready',
    });
  });

  test('moves when the status flips', () => {
    expect(conditionsOf(had('False')).Available).toMatchObject({ status: 'True', lastTransitionTime: NOW });
  });
});

test.each([
  [{}, 'ws://c.ns.svc:8080'],
  [{ ingress: { host: 'sync.example.com' } }, 'ws://sync.example.com'],
  [{ ingress: { host: 'sync.example.com', tlsSecretName: 'tls' } }, 'wss://sync.example.com'],
])('with %j clients connect to %s', (spec, endpoint) => {
  const facts = factsOf({}, spec);
  const situation = { facts, plan: planCluster(facts, () => [], [], new Map()), failures: [] };
  expect(statusOf(situation, 'a=b', NOW)).toMatchObject({ endpoint, replicas: 3, readyReplicas: 3, selector: 'a=b' });
});
