import { afterEach, describe, expect, test } from '@jest/globals';
import { KINDS } from '../../src/kube/kinds.ts';
import { Elector, type ElectorOptions } from '../../src/runtime/elector.ts';
import { KubeClient } from '../../src/runtime/kube-client.ts';
import type { Leadership } from '../../src/runtime/leadership.ts';
import { loadKubeconfig } from '../control-plane/control-plane.ts';
import { sharedControlPlane } from '../control-plane/shared.ts';
import { until } from '../control-plane/until.ts';
import { ElectorProcess } from './elector-process.ts';

const controlPlane = sharedControlPlane();

const QUICK = { leaseMs: 2_000, renewDeadlineMs: 1_200, retryMs: 200 };

let ends: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  await Promise.all(ends.map((end) => end()));
  ends = [];
});

function elector(namespace: string, identity: string, options: Partial<ElectorOptions> = {}): Elector {
  const client = new KubeClient(loadKubeconfig(controlPlane().kubeconfig), { fieldManager: identity });
  ends.push(() => client.close());
  return new Elector(client, { namespace, name: 'leader', identity, ...QUICK, ...options });
}

test('one of two holds the lease, and when it releases it the other has it soon', async () => {
  const namespace = await controlPlane().createNamespace();
  const first = await elector(namespace, 'a').acquire();
  let second: Leadership | undefined;
  const acquired = elector(namespace, 'b')
    .acquire()
    .then((leadership) => {
      second = leadership;
      return leadership;
    });
  const lease = () => controlPlane().client.get(KINDS.Lease, { namespace, name: 'leader' });
  const before = (await lease())?.metadata.resourceVersion;
  // It is renewed beyond its first end.
  const started = performance.now();
  await until(() => performance.now() - started > QUICK.leaseMs * 1.5);
  expect(second).toBeUndefined();
  expect(first.isHeld).toBe(true);
  expect((await lease())?.metadata.resourceVersion).not.toBe(before);

  const released = performance.now();
  await first.release();
  expect(first.isHeld).toBe(false);
  const leadership = await acquired;
  expect(performance.now() - released).toBeLessThan(QUICK.leaseMs / 2);
  expect(leadership.isHeld).toBe(true);
  expect((await lease())?.spec).toMatchObject({ holderIdentity: 'b', leaseDurationSeconds: 2, leaseTransitions: 1 });
  await leadership.release();
});

test('a holder that cannot renew is told in time, before another one can begin', async () => {
  const namespace = await controlPlane().createNamespace();
  const leadership = await elector(namespace, 'a').acquire();
  await controlPlane().pauseApiServer();
  const paused = performance.now();
  try {
    expect(await leadership.lost).toContain('could not be renewed for 1200 ms');
    expect(leadership.isHeld).toBe(false);
    expect(performance.now() - paused).toBeLessThan(QUICK.leaseMs);
  } finally {
    controlPlane().resumeApiServer();
  }
  await leadership.release();
});

test('a holder from which the lease was taken is told', async () => {
  const namespace = await controlPlane().createNamespace();
  const leadership = await elector(namespace, 'a').acquire();
  const patch = { spec: { holderIdentity: 'thief' } };
  await controlPlane().client.mergePatch(KINDS.Lease, { namespace, name: 'leader' }, patch);
  expect(await leadership.lost).toBe('another process holds the lease');
});

test('a label on the lease does not disturb its holder', async () => {
  const namespace = await controlPlane().createNamespace();
  const leadership = await elector(namespace, 'a').acquire();
  const ref = { namespace, name: 'leader' };
  await controlPlane().client.mergePatch(KINDS.Lease, ref, { metadata: { labels: { by: 'hand' } } });
  const labelled = await controlPlane().client.get(KINDS.Lease, ref);
  await until(async () => {
    const { metadata } = (await controlPlane().client.get(KINDS.Lease, ref)) ?? {};
    return metadata !== undefined && metadata.resourceVersion !== labelled?.metadata.resourceVersion;
  });
  expect((await controlPlane().client.get(KINDS.Lease, ref))?.metadata.labels).toEqual({ by: 'hand' });
  expect(leadership.isHeld).toBe(true);
  await leadership.release();
});

test('waiting for the lease can be given up', async () => {
  const namespace = await controlPlane().createNamespace();
  const first = await elector(namespace, 'a').acquire();
  const giveUp = new AbortController();
  const waiting = elector(namespace, 'b').acquire(giveUp.signal);
  giveUp.abort(new Error('enough'));
  await expect(waiting).rejects.toThrow();
  await first.release();
});

test('times with which two could act at once are refused', () => {
  expect(() => elector('default', 'a', { leaseMs: 2_000, renewDeadlineMs: 2_000 })).toThrow('must stop before');
});

test('while the API server stalls and restarts, never two act at once, and there is always somebody again', async () => {
  const namespace = await controlPlane().createNamespace();
  const held = new Map<string, Leadership>();
  let isOver = false;
  let end = () => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  let terms = 0;
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, [...held.values()].filter(({ isHeld }) => isHeld).length);
  }, 2);
  const compete = async (identity: string) => {
    while (!isOver) {
      const leadership = await elector(namespace, identity).acquire();
      terms += 1;
      held.set(identity, leadership);
      // Every third term is given back soon, the others go on until they are lost.
      if (terms % 3 !== 0) await Promise.race([leadership.lost, over]);
      await leadership.release();
    }
  };
  const competitors = ['a', 'b', 'c'].map(compete);
  const isSomebody = () => [...held.values()].some(({ isHeld }) => isHeld);
  for (let round = 0; round < 4; round += 1) {
    const before = terms;
    await until(isSomebody, { timeoutMs: 60_000 });
    if (round % 2 === 0) {
      await controlPlane().pauseApiServer();
      const paused = performance.now();
      await until(() => performance.now() - paused > QUICK.leaseMs + 500);
      controlPlane().resumeApiServer();
      await until(() => terms > before, { timeoutMs: 60_000 });
    } else {
      // Who leads may still lead after that, if it was quick.
      await controlPlane().restartApiServer();
    }
    await until(isSomebody, { timeoutMs: 60_000 });
  }
  isOver = true;
  end();
  await Promise.all(competitors);
  clearInterval(watch);
  expect(most).toBe(1);
}, 300_000);

describe('processes with the default times', () => {
  test('another one takes over within 20 s when the holder is killed', async () => {
    const namespace = await controlPlane().createNamespace();
    const first = await ElectorProcess.start(controlPlane().kubeconfig, namespace, 'a');
    ends.push(() => first.end('SIGKILL'));
    await until(() => first.hasAcquired);
    const second = await ElectorProcess.start(controlPlane().kubeconfig, namespace, 'b');
    ends.push(() => second.end('SIGKILL'));
    await first.end('SIGKILL');
    const killed = performance.now();
    await until(() => second.hasAcquired);
    expect(performance.now() - killed).toBeLessThan(20_000);
  });

  test('one that was stopped and goes on later knows at once that it does not hold the lease any more', async () => {
    const namespace = await controlPlane().createNamespace();
    const first = await ElectorProcess.start(controlPlane().kubeconfig, namespace, 'a');
    ends.push(() => first.end('SIGKILL'));
    await until(() => first.hasAcquired);
    const second = await ElectorProcess.start(controlPlane().kubeconfig, namespace, 'b');
    ends.push(() => second.end('SIGKILL'));
    first.signal('SIGSTOP');
    await until(() => second.hasAcquired);
    first.signal('SIGCONT');
    await until(() => first.output.includes('lost'));
    expect(first.output).not.toContain('isHeld true');
    expect(second.output).not.toContain('lost');
  });

  test('one that ends as asked gives the lease up', async () => {
    const namespace = await controlPlane().createNamespace();
    const first = await ElectorProcess.start(controlPlane().kubeconfig, namespace, 'a');
    await until(() => first.hasAcquired);
    await first.end('SIGTERM');
    const lease = await controlPlane().client.get(KINDS.Lease, { namespace, name: 'leader' });
    expect(lease?.spec).toMatchObject({ holderIdentity: '' });
  });
});
