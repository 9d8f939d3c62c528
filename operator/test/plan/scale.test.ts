import { describe, expect, test } from '@jest/globals';
import { planScale } from '../../src/plan/scale.ts';
import { claimOf, controlOf, factsOf, podOf } from '../facts.ts';

const drained = controlOf({ draining: true });

test('as many pods as the spec says: nothing is done', () => {
  expect(planScale(factsOf())).toMatchObject({ replicas: 3, actions: [], waitsFor: undefined, obstacle: undefined });
});

test('a cluster without pods gets them at once', () => {
  expect(planScale(factsOf({ statefulSet: undefined, pods: [], claims: [] }))).toMatchObject({
    replicas: 3,
    actions: [],
  });
});

test('more pods come at once, whatever the others do', () => {
  const pods = [podOf(0, { isReady: false, control: undefined }), podOf(1), podOf(2)];
  expect(planScale(factsOf({ pods }, { replicas: 7 }))).toMatchObject({ replicas: 7, actions: [] });
});

describe('fewer pods', () => {
  const scaleDown = (last: Parameters<typeof podOf>[1], facts: Parameters<typeof factsOf>[0] = {}) => {
    return planScale(factsOf({ pods: [podOf(0), podOf(1), podOf(2, last)], ...facts }, { replicas: 1 }));
  };

  test('the one with the highest ordinal is drained first, and stays', () => {
    const { replicas, actions } = scaleDown({});
    expect(replicas).toBe(3);
    expect(actions).toMatchObject([{ kind: 'drain', pod: { name: 'c-2' } }]);
  });

  test.each([
    ['has clients', { connections: 4 }, 'c-2 sends away its clients: 4 are left'],
    [
      'has changes',
      { unpublishedWorkspaces: 2 },
      'c-2 has changes to 2 workspaces that the stream does not have: it is publishing them',
    ],
  ])('while it %s it stays', (_, control, message) => {
    const scale = scaleDown({ isReady: false, control: controlOf({ draining: true, ...control }) });
    expect(scale).toMatchObject({ replicas: 3, actions: [], waitsFor: message, obstacle: undefined });
  });

  test('when it is done there is one less, and no more than one', () => {
    expect(scaleDown({ isReady: false, control: drained })).toMatchObject({
      replicas: 2,
      actions: [],
      obstacle: undefined,
    });
  });

  test.each([
    ['does not answer', { control: undefined }, {}, 'c-2 cannot be taken away: it does not answer'],
    [
      'does not start',
      { control: undefined, isReady: false, problem: 'sync-pod: ErrImagePull' },
      {},
      'sync-pod: ErrImagePull',
    ],
    [
      'cannot reach the stream',
      { control: controlOf({ draining: true, unpublishedWorkspaces: 1, streamConnected: false }) },
      {},
      'c-2 has changes to 1 workspace that the stream does not have: it cannot reach the stream',
    ],
    [
      'cannot know',
      { control: controlOf({ draining: true, unpublishedWorkspaces: null, problems: ['shard 0 is down'] }) },
      {},
      'shard 0 is down',
    ],
    ['is not there', {}, { pods: [podOf(0), podOf(1)] }, 'it is not there, and its volumes are'],
  ])('one that %s stays, and a person is told', (_, pod, facts, message) => {
    const { replicas, obstacle } = scaleDown(pod, facts);
    expect(replicas).toBe(3);
    expect(obstacle?.reason).toBe('HandOverBlocked');
    expect(obstacle?.message).toContain(message);
    expect(obstacle?.message).toContain('delete its claims (shard-0-c-2) and the pod');
  });

  test.each([
    ['its claim was never bound', { claims: [claimOf(0), claimOf(1), claimOf(2, { isBound: false })] }],
    ['its claim is gone', { claims: [claimOf(0), claimOf(1)] }],
  ])('one that has never run goes: %s', (_, facts) => {
    expect(scaleDown({ isReady: false, control: undefined }, facts)).toMatchObject({
      replicas: 2,
      obstacle: undefined,
    });
  });

  test('where the stream keeps only what some pod lacks, none leaves before the others have everything', () => {
    const copying = [podOf(0), podOf(1, { isReady: false }), podOf(2, { control: drained })];
    const interest = { replicas: 2, stream: { retention: 'interest' } };
    expect(planScale(factsOf({ pods: copying }, interest))).toMatchObject({
      replicas: 3,
      actions: [],
      waitsFor: 'c-1 is to become ready: it may not have everything yet',
    });
    expect(planScale(factsOf({ pods: copying }, { replicas: 2 }))).toMatchObject({ replicas: 2 });
  });
});
