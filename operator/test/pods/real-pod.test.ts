import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Pod, until } from '../../../sync-pod/test/pod.ts';
import { PodControl } from '../../src/pods/pod-control.ts';

const TOKEN = 'a control token that is long enough';
const ADDRESS = { ip: '127.0.0.1', token: TOKEN };

let pod: Pod;
let control: PodControl;
beforeEach(async () => {
  pod = await Pod.start({ env: { ETHERPLY_CONTROL_TOKEN: TOKEN } });
  control = new PodControl({ port: pod.port });
});
afterEach(async () => {
  control.close();
  await pod.stop();
});

test('a sync pod is asked, drained and has clients again', async () => {
  const client = await pod.connect('w');
  await client.take('init');
  expect(await control.status(ADDRESS)).toMatchObject({
    draining: false,
    connections: 1,
    problems: ['there is no stream: ETHERPLY_NATS_URL is not set'],
  });
  expect(await control.drain(ADDRESS, 0)).toMatchObject({ draining: true });
  expect(await client.closed()).toBe(1012);
  await until(async () => (await control.status(ADDRESS)).connections === 0);
  await expect(pod.connect('w')).rejects.toThrow('503');
  expect(await control.resume(ADDRESS)).toMatchObject({ draining: false });
  const again = await pod.connect('w');
  await again.take('init');
  again.close();
});

test('a sync pod refuses another token', async () => {
  await expect(control.status({ ...ADDRESS, token: 'another token of some length' })).rejects.toThrow(
    'refuses the token',
  );
});
