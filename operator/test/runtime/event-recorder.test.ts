import { afterEach, expect, test } from '@jest/globals';
import { KINDS } from '../../src/kube/kinds.ts';
import type { StoredObject } from '../../src/kube/stored-object.ts';
import { EventRecorder, type EventRecorderOptions } from '../../src/runtime/event-recorder.ts';
import type { Occurrence } from '../../src/runtime/event-series.ts';
import { KubeClient } from '../../src/runtime/kube-client.ts';
import { loadKubeconfig } from '../control-plane/control-plane.ts';
import { sharedControlPlane } from '../control-plane/shared.ts';
import { until } from '../control-plane/until.ts';
import { configMap } from './config-map.ts';

const controlPlane = sharedControlPlane();

let ends: (() => Promise<void>)[] = [];
afterEach(async () => {
  await Promise.all(ends.map((end) => end()));
  ends = [];
});

function recorder(options: Partial<EventRecorderOptions> = {}) {
  const client = new KubeClient(loadKubeconfig(controlPlane().kubeconfig), { fieldManager: 'test' });
  const dropped: string[] = [];
  const events = new EventRecorder(client, {
    controller: 'example.com/test',
    instance: 'test-0',
    countMs: 100,
    onDropped: ({ note }, why) => dropped.push(`${note}: ${why}`),
    ...options,
  });
  ends.push(async () => {
    await events.close();
    client.close();
  });
  return { events, dropped };
}

async function object(name = 'thing'): Promise<StoredObject> {
  const namespace = await controlPlane().createNamespace();
  return controlPlane().client.create(configMap(namespace, name, {}));
}

async function written({ metadata: { namespace, uid } }: StoredObject): Promise<StoredObject[]> {
  const { items } = await controlPlane().client.list(KINDS.Event, namespace === undefined ? {} : { namespace });
  return items.filter(({ regarding }) => JSON.stringify(regarding).includes(uid));
}

function occurrence(regarding: StoredObject, more: Partial<Occurrence> = {}): Occurrence {
  return { regarding, type: 'Normal', reason: 'Tried', action: 'Try', note: 'it was tried', ...more };
}

test('what happens is an Event of the object that says who reports it', async () => {
  const thing = await object();
  const { events } = recorder();
  events.record(occurrence(thing, { type: 'Warning' }));
  await until(async () => (await written(thing)).length === 1);
  expect((await written(thing))[0]).toMatchObject({
    type: 'Warning',
    reason: 'Tried',
    action: 'Try',
    note: 'it was tried',
    reportingController: 'example.com/test',
    reportingInstance: 'test-0',
    regarding: { kind: 'ConfigMap', name: 'thing', uid: thing.metadata.uid },
  });
});

test('what happens again is counted in the same Event; what differs is another one', async () => {
  const thing = await object();
  const { events } = recorder();
  for (let times = 0; times < 5; times += 1) events.record(occurrence(thing));
  events.record(occurrence(thing, { note: 'it was tried otherwise' }));
  await until(async () => JSON.stringify(await written(thing)).includes('"count":5'));
  events.record(occurrence(thing));
  await until(async () => JSON.stringify(await written(thing)).includes('"count":6'));
  expect(await written(thing)).toHaveLength(2);
});

test('the count of what happens all the time is written only now and then, and at the end', async () => {
  const thing = await object();
  const { events } = recorder({ countMs: 60_000 });
  events.record(occurrence(thing));
  await until(async () => (await written(thing)).length === 1);
  const [first] = await written(thing);
  for (let times = 0; times < 9; times += 1) events.record(occurrence(thing));
  // They are written in order: what came before has been written when this one is there.
  events.record(occurrence(thing, { note: 'something else' }));
  await until(async () => (await written(thing)).length === 2);
  const unchanged = (await written(thing)).find(({ metadata }) => metadata.uid === first?.metadata.uid);
  expect(unchanged?.metadata.resourceVersion).toBe(first?.metadata.resourceVersion);
  await events.close();
  const counts = (await written(thing)).map(({ series }) => series);
  expect(counts).toContainEqual(expect.objectContaining({ count: 10 }));
});

test('after a pause the same thing is a new Event', async () => {
  const thing = await object();
  const { events } = recorder({ windowMs: 200 });
  events.record(occurrence(thing));
  const recorded = performance.now();
  await until(() => performance.now() - recorded > 250);
  events.record(occurrence(thing));
  await until(async () => (await written(thing)).length === 2);
});

test('an Event that has expired is written anew', async () => {
  const thing = await object();
  const { events } = recorder();
  events.record(occurrence(thing));
  await until(async () => (await written(thing)).length === 1);
  const [event] = await written(thing);
  const { namespace = '', name = '' } = event?.metadata ?? {};
  await controlPlane().client.delete(KINDS.Event, { namespace, name });
  events.record(occurrence(thing));
  await until(async () => JSON.stringify(await written(thing)).includes('"count":2'));
});

test('an object to which too much happens does not keep others from being told of', async () => {
  const [busy, quiet] = [await object('busy'), await object('quiet')];
  const { events, dropped } = recorder();
  for (let at = 0; at < 75; at += 1) events.record(occurrence(busy, { note: `number ${at}` }));
  events.record(occurrence(quiet));
  await until(async () => (await written(quiet)).length === 1);
  expect(await written(busy)).toHaveLength(60);
  expect(dropped).toHaveLength(15);
  expect(dropped[0]).toBe('number 60: too much happens to this object');
});

test('what the API server refuses is told and does not hold up the rest', async () => {
  const thing = await object();
  const { events, dropped } = recorder();
  events.record(occurrence(thing, { reason: '', note: 'without a reason' }));
  events.record(occurrence(thing));
  await until(async () => (await written(thing)).length === 1);
  expect(dropped).toEqual([expect.stringMatching(/^without a reason: .*reason: Required/)]);
});

test('what happens while the API server is away is told when it is back', async () => {
  const thing = await object();
  const { events, dropped } = recorder();
  await controlPlane().stopApiServer();
  events.record(occurrence(thing));
  await controlPlane().startApiServer();
  await until(async () => (await written(thing)).length === 1);
  expect(dropped).toEqual([]);
});

test('a long note is cut where a character ends', async () => {
  const thing = await object();
  const { events } = recorder();
  events.record(occurrence(thing, { note: 'é'.repeat(2_000) }));
  await until(async () => (await written(thing)).length === 1);
  const [event] = await written(thing);
  expect(event?.note).toMatch(/^é{500,}…$/);
});
