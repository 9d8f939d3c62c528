import { describe, expect, test } from '@jest/globals';
import { autoscalerFacts } from '../../src/observed/autoscaler.ts';
import { claimFacts } from '../../src/observed/claim.ts';
import { ordinalOf, podFacts } from '../../src/observed/pod.ts';
import { secretFacts } from '../../src/observed/secret.ts';
import { statefulSetFacts } from '../../src/observed/stateful-set.ts';
import { storageClassFacts } from '../../src/observed/storage-class.ts';
import { workloadFacts } from '../../src/observed/workload.ts';
import { podOf } from '../facts.ts';

const POD = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: {
    name: 'c-12',
    uid: 'u',
    labels: { 'controller-revision-hash': 'r' },
    annotations: { 'etherply.io/config-hash': 'h' },
  },
  spec: {
    containers: [
      { name: 'istio', image: 'i' },
      { name: 'sync-pod', image: 'pod:1' },
    ],
  },
};

describe('a pod', () => {
  test('that serves', () => {
    const status = { podIP: '127.0.0.2', conditions: [{ type: 'Ready', status: 'True' }] };
    expect(podFacts({ ...POD, status }, 'sync-pod')).toEqual({
      name: 'c-12',
      uid: 'u',
      ordinal: 12,
      ip: '127.0.0.2',
      isReady: true,
      isTerminating: false,
      revision: 'r',
      template: { image: 'pod:1', annotations: { 'etherply.io/config-hash': 'h' } },
      problem: undefined,
      control: undefined,
      isEstranged: false,
    });
  });

  test('that has just been made', () => {
    expect(podFacts(POD, 'sync-pod')).toMatchObject({ isReady: false, ip: undefined, problem: undefined });
  });

  test.each([
    [
      'its image is not there',
      {
        containerStatuses: [
          { name: 'sync-pod', state: { waiting: { reason: 'ImagePullBackOff', message: 'not found' } } },
        ],
      },
      'sync-pod: ImagePullBackOff: not found',
    ],
    [
      'it ends again and again',
      {
        containerStatuses: [
          {
            name: 'sync-pod',
            state: { waiting: { reason: 'CrashLoopBackOff' } },
            lastState: { terminated: { reason: 'Error', exitCode: 2 } },
          },
        ],
      },
      'sync-pod: CrashLoopBackOff (it ended with Error, exit code 2)',
    ],
    [
      'no node takes it',
      { conditions: [{ type: 'PodScheduled', status: 'False', message: '0/1 nodes are available' }] },
      'it cannot be placed on a node: 0/1 nodes are available',
    ],
    [
      'it is only starting',
      { containerStatuses: [{ name: 'sync-pod', state: { waiting: { reason: 'ContainerCreating' } } }] },
      undefined,
    ],
  ])('says what is wrong: %s', (_, status, problem) => {
    expect(podFacts({ ...POD, status }, 'sync-pod').problem).toBe(problem);
  });

  test.each([
    ['c-0', 0],
    ['my-c-12', 12],
    ['c', -1],
  ])('%s has the ordinal %d', (name, ordinal) => {
    expect(ordinalOf(name)).toBe(ordinal);
  });
});

test('a StatefulSet is current once its newest generation has been seen', () => {
  const container = { name: 'sync-pod', image: 'pod:1' };
  const set = {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name: 'c', generation: 2 },
    spec: {
      replicas: 3,
      template: { metadata: { annotations: { a: 'b' } }, spec: { containers: [container] } },
      volumeClaimTemplates: [{ spec: { resources: { requests: { storage: '10Gi' } } } }],
    },
    status: { observedGeneration: 1, updateRevision: 'r' },
  };
  expect(statefulSetFacts(set, 'sync-pod')).toEqual({
    replicas: 3,
    isCurrent: false,
    updateRevision: 'r',
    claimSize: '10Gi',
    template: { image: 'pod:1', annotations: { a: 'b' } },
  });
  expect(statefulSetFacts({ ...set, status: { observedGeneration: 2 } }, 'sync-pod')).toMatchObject({
    isCurrent: true,
    updateRevision: undefined,
  });
});

test('a claim is that of a pod', () => {
  const claim = {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'shard-1-my-c-2', uid: 'u' },
    spec: { storageClassName: 'fast', resources: { requests: { storage: '5Gi' } } },
    status: { phase: 'Bound' },
  };
  expect(claimFacts(claim)).toMatchObject({
    ordinal: 2,
    isBound: true,
    size: '5Gi',
    storageClassName: 'fast',
  });
  expect(claimFacts({ ...claim, status: { phase: 'Lost' } })).toMatchObject({
    isBound: false,
    problem: 'its volume is lost',
  });
  const conditions = [{ type: 'ControllerResizeError', status: 'True', message: 'no room' }];
  expect(claimFacts({ ...claim, status: { phase: 'Bound', conditions } }).problem).toBe('no room');
});

test('a storage class can be the default one, and let volumes grow', () => {
  const metadata = { name: 's', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } };
  const object = { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata };
  expect(storageClassFacts({ ...object, allowVolumeExpansion: true })).toEqual({
    name: 's',
    isDefault: true,
    canGrow: true,
  });
  expect(storageClassFacts({ ...object, metadata: { name: 's' } })).toEqual({
    name: 's',
    isDefault: false,
    canGrow: false,
  });
});

test('a workload has the problem of its pods', () => {
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'c-router', generation: 1 },
    spec: { replicas: 2 },
    status: { observedGeneration: 1, readyReplicas: 1, updatedReplicas: 2 },
  };
  expect(workloadFacts(deployment, [podOf(0), podOf(1, { problem: 'haproxy: ErrImagePull' })])).toEqual({
    replicas: 2,
    readyReplicas: 1,
    isCurrent: true,
    claimSize: undefined,
    problem: 'c-1: haproxy: ErrImagePull',
  });
});

test('a Deployment says why its pods are refused', () => {
  const condition = { type: 'ReplicaFailure', status: 'True', message: 'pods "c-router" is forbidden: exceeded quota' };
  const deployment = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'c-router', generation: 1 },
    spec: { replicas: 2 },
    status: { observedGeneration: 1, conditions: [condition] },
  };
  expect(workloadFacts(deployment, []).problem).toBe('pods "c-router" is forbidden: exceeded quota');
});

test('an autoscaler says why it does not work', () => {
  const hpa = { apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name: 'c' } };
  const condition = { type: 'ScalingActive', status: 'False', reason: 'FailedGetPodsMetric', message: 'none' };
  expect(autoscalerFacts(hpa)).toEqual({ problem: undefined });
  expect(autoscalerFacts({ ...hpa, status: { conditions: [condition] } })).toEqual({
    problem: 'FailedGetPodsMetric: none',
  });
});

describe('a Secret', () => {
  const secret = (data?: Record<string, string>) => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 's' },
    data,
  });
  const of = (text: string) => Buffer.from(text).toString('base64');

  test('has another hash when what is in it changes, and not when only its order does', () => {
    const first = secretFacts(secret({ a: of('1'), b: of('2') }));
    expect(secretFacts(secret({ b: of('2'), a: of('1') }))).toEqual(first);
    expect(secretFacts(secret({ a: of('1'), b: of('3') })).hash).not.toBe(first.hash);
    expect(secretFacts(secret({ a: of('1'), ab: of('2') })).hash).not.toBe(first.hash);
  });

  test('shows its keys and nothing else', () => {
    expect(JSON.stringify([...secretFacts(secret({ key: of('hidden') })).keys])).toBe('["key"]');
    expect(secretFacts(secret()).keys.size).toBe(0);
  });
});
