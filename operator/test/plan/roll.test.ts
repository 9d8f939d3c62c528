import { describe, expect, test } from '@jest/globals';
import type { Facts, PodFacts } from '../../src/observed/facts.ts';
import { planResumes, planRoll } from '../../src/plan/roll.ts';
import { planScale } from '../../src/plan/scale.ts';
import { claimOf, controlOf, factsOf, podOf } from '../facts.ts';

const OLD: Partial<PodFacts> = { revision: 'old', template: { image: 'pod:1', annotations: {} } };
const DRAINED: Partial<PodFacts> = { isReady: false, control: controlOf({ draining: true }) };

function roll(pods: PodFacts[], facts: Partial<Facts> = {}, spec: Record<string, unknown> = {}) {
  const all = factsOf({ pods, ...facts }, spec);
  return planRoll(all, planScale(all));
}

test('pods that are as they are to be stay', () => {
  expect(roll([podOf(0), podOf(1), podOf(2)])).toEqual({
    actions: [],
    outdated: 0,
    reason: undefined,
    waitsFor: undefined,
  });
});

describe('a pod of which a claim was deleted', () => {
  const claims = [claimOf(0), claimOf(1, { isTerminating: true }), claimOf(2)];
  const rolled = (pod: Partial<PodFacts>) => roll([podOf(0), podOf(1, pod), podOf(2)], { claims });

  test('hands over what it has, and is made anew then', () => {
    expect(rolled({}).actions).toMatchObject([
      { kind: 'drain', pod: { name: 'c-1' }, reason: 'a claim of it was deleted' },
    ]);
    expect(rolled(DRAINED).actions).toMatchObject([{ kind: 'replace', pod: { name: 'c-1' } }]);
  });

  test('is never made anew before that', () => {
    expect(rolled({ control: undefined }).waitsFor).toBe('c-1 is to answer');
    const away = controlOf({ draining: true, streamConnected: false, unpublishedWorkspaces: 1 });
    expect(rolled({ isReady: false, control: away }).actions).toEqual([]);
    expect(rolled({ isEstranged: true, control: undefined }).actions).toEqual([]);
  });

  test('is not taken for one while it starts, or serve again while it leaves', () => {
    expect(rolled({ isReady: false, control: undefined }).outdated).toBe(0);
    const facts = factsOf({ claims, pods: [podOf(0), podOf(1, DRAINED), podOf(2)] });
    expect(planResumes(facts, planScale(facts))).toEqual([]);
  });
});

test('the one with the highest ordinal is drained first', () => {
  const { actions, outdated } = roll([podOf(0, OLD), podOf(1, OLD), podOf(2, OLD)]);
  expect(outdated).toBe(3);
  expect(actions).toMatchObject([{ kind: 'drain', pod: { name: 'c-2' }, reason: 'the image is now pod:2' }]);
});

test('it is made anew when it has handed over everything, and the next one waits until it is ready', () => {
  expect(roll([podOf(0, OLD), podOf(1, OLD), podOf(2, { ...OLD, ...DRAINED })]).actions).toMatchObject([
    { kind: 'replace', pod: { name: 'c-2' } },
  ]);
  const next = roll([podOf(0, OLD), podOf(1, OLD), podOf(2, { isReady: false })]);
  expect(next).toMatchObject({ actions: [], waitsFor: 'c-2 is to become ready' });
  expect(roll([podOf(0, OLD), podOf(1, OLD), podOf(2)]).actions).toMatchObject([
    { kind: 'drain', pod: { name: 'c-1' } },
  ]);
});

test('one that is draining already goes on, whichever it is', () => {
  const pods = [podOf(0, { ...OLD, ...DRAINED }), podOf(1, OLD), podOf(2, OLD)];
  expect(roll(pods).actions).toMatchObject([{ kind: 'replace', pod: { name: 'c-0' } }]);
});

describe('nothing is made anew', () => {
  test.each<[string, PodFacts[], Partial<Facts>, string | undefined]>([
    [
      'while another is not ready',
      [podOf(0, { isReady: false }), podOf(1, OLD), podOf(2, OLD)],
      {},
      'c-0 is to become ready',
    ],
    [
      'while one is ending',
      [podOf(0, OLD), podOf(1, OLD), podOf(2, { ...OLD, isTerminating: true })],
      {},
      'c-2 is ending',
    ],
    ['while one is not there yet', [podOf(0, OLD), podOf(1, OLD)], {}, 'every pod is to be there'],
    [
      'while it has changes that the stream does not have',
      [
        podOf(0, OLD),
        podOf(1, OLD),
        podOf(2, { ...OLD, isReady: false, control: controlOf({ draining: true, unpublishedWorkspaces: 1 }) }),
      ],
      {},
      'c-2 has changes to 1 workspace that the stream does not have: it is publishing them',
    ],
    [
      'while it does not answer',
      [podOf(0, OLD), podOf(1, OLD), podOf(2, { ...OLD, control: undefined })],
      {},
      'c-2 is to answer',
    ],
    [
      'before the newest template has a revision',
      [podOf(0, OLD), podOf(1, OLD), podOf(2, OLD)],
      {
        statefulSet: {
          ...factsOf().statefulSet,
          replicas: 3,
          isCurrent: false,
          updateRevision: 'new',
          claimSize: '10Gi',
          template: OLD.template ?? { image: '', annotations: {} },
        },
      },
      undefined,
    ],
  ])('%s', (_, pods, facts, waitsFor) => {
    expect(roll(pods, facts)).toMatchObject({ actions: [], waitsFor });
  });

  test('while there are to be fewer pods', () => {
    expect(roll([podOf(0, OLD), podOf(1, OLD), podOf(2, OLD)], {}, { replicas: 2 })).toMatchObject({
      actions: [],
      waitsFor: 'fewer pods are made first',
    });
  });
});

describe('without waiting for it to hand over, because its volumes keep what it has', () => {
  test('one that is not ready is made anew before all others', () => {
    const pods = [podOf(0, { ...OLD, isReady: false, control: undefined }), podOf(1, OLD), podOf(2, OLD)];
    expect(roll(pods).actions).toMatchObject([
      { kind: 'replace', pod: { name: 'c-0' }, reason: 'the image is now pod:2; it was not ready' },
    ]);
  });

  test('those that are not ready do not follow one that does not become ready, unless they do not run anyway', () => {
    const unready = (ordinal: number, pod: Partial<PodFacts> = {}) =>
      podOf(ordinal, { ...OLD, isReady: false, ...pod });
    const newest = podOf(2, { isReady: false, problem: 'sync-pod: ImagePullBackOff' });
    expect(roll([unready(0), unready(1), newest])).toMatchObject({ actions: [], waitsFor: 'c-2 is to become ready' });
    expect(roll([unready(0), unready(1), podOf(2)]).actions).toMatchObject([{ kind: 'replace', pod: { name: 'c-0' } }]);
    expect(roll([unready(0), unready(1)]).actions).toEqual([]);
    const ended = unready(1, { problem: 'sync-pod: CrashLoopBackOff' });
    expect(roll([unready(0), ended, newest]).actions).toMatchObject([{ kind: 'replace', pod: { name: 'c-1' } }]);
  });

  test('one that is not ready is made anew also while there are to be fewer pods: it has to hand over', () => {
    const last = podOf(2, { ...OLD, isReady: false, control: undefined });
    expect(roll([podOf(0), podOf(1), last], {}, { replicas: 2 }).actions).toMatchObject([{ kind: 'replace' }]);
  });

  test('one that does not know the token any more is made anew, when all are ready', () => {
    const strange = (ordinal: number) => podOf(ordinal, { ...OLD, control: undefined, isEstranged: true });
    expect(roll([strange(0), strange(1), podOf(2)]).actions).toMatchObject([{ kind: 'replace', pod: { name: 'c-0' } }]);
    expect(roll([strange(0), strange(1), podOf(2, { isReady: false })]).actions).toEqual([]);
    expect(roll([strange(0), strange(1)])).toMatchObject({ actions: [], waitsFor: 'every pod is to be there' });
  });

  test('one that cannot reach the stream is made anew: the change may be what mends that', () => {
    const control = controlOf({ streamConnected: false, unpublishedWorkspaces: 3 });
    expect(roll([podOf(0, OLD), podOf(1, OLD), podOf(2, { ...OLD, control })]).actions).toMatchObject([
      { kind: 'replace' },
    ]);
  });
});

test.each([
  ['the image', { image: 'pod:1', annotations: {} }, 'the image is now pod:2'],
  ['settings', { image: 'pod:2', annotations: { 'etherply.io/config-hash': '1' } }, 'settings have changed'],
  ['a Secret', { image: 'pod:2', annotations: { 'etherply.io/secrets-hash': '1' } }, 'a Secret has changed'],
  ['the rest', { image: 'pod:2', annotations: {} }, 'the template of the pods has changed'],
])('the reason names what has changed: %s', (_, template, reason) => {
  expect(roll([podOf(0), podOf(1), podOf(2, { revision: 'old', template })]).reason).toBe(reason);
});

describe('a pod that takes nobody in', () => {
  const resumes = (pods: PodFacts[], spec: Record<string, unknown> = {}) => {
    const facts = factsOf({ pods }, spec);
    return planResumes(facts, planScale(facts));
  };

  test('serves again where it is to stay as it is', () => {
    expect(resumes([podOf(0), podOf(1, DRAINED), podOf(2)])).toMatchObject([{ kind: 'resume', pod: { name: 'c-1' } }]);
  });

  test('goes on where it is to be made anew, or to leave', () => {
    expect(resumes([podOf(0), podOf(1, { ...OLD, ...DRAINED }), podOf(2)])).toEqual([]);
    expect(resumes([podOf(0), podOf(1), podOf(2, DRAINED)], { replicas: 2 })).toEqual([]);
  });
});
