import { expect, test } from '@jest/globals';
import { streamRequestOf } from '../../src/nats/stream-request.ts';
import { clusterOf } from '../facts.ts';

test('a spec that says nothing of the stream asks for one that keeps everything', () => {
  expect(streamRequestOf(clusterOf(), false)).toEqual({
    options: {
      cluster: 'ns_c',
      replicas: 1,
      retention: 'limits',
      maxAgeSeconds: Number.POSITIVE_INFINITY,
      maxBytes: Number.POSITIVE_INFINITY,
      duplicateSeconds: 120,
      regions: [],
      owner: 'ns/c',
    },
    mayDropMessages: false,
  });
});

test('what a spec says is counted in seconds and bytes', () => {
  const stream = { name: 'chat', maxAge: '720h', maxBytes: '8Gi', duplicateWindow: '15m', replicas: 3 };
  const regions = { others: [{ name: 'west', domain: 'far' }, { name: 'east' }] };
  const nats = { managed: { replicas: 3 } };
  expect(streamRequestOf(clusterOf({ stream, regions, nats }), true)).toMatchObject({
    options: {
      cluster: 'chat',
      replicas: 3,
      maxAgeSeconds: 2_592_000,
      maxBytes: 8 * 2 ** 30,
      duplicateSeconds: 900,
      regions: [
        { name: 'west', domain: 'far' },
        { name: 'east', domain: undefined },
      ],
    },
    mayDropMessages: true,
  });
});
