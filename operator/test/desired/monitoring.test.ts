import { expect, test } from '@jest/globals';
import { circumstancesOf, idsOf, objectOf, objectsOf, type Written } from './fixture.ts';

const monitorsOf = (written: Written, changes = {}) =>
  idsOf(objectsOf(written, changes)).filter((id) => id.startsWith('PodMonitor/'));

test.each<[what: string, written: Written, podMonitor: boolean, expected: readonly string[]]>([
  ['pods and the router', {}, true, ['PodMonitor/demo', 'PodMonitor/demo-router']],
  ['pods, without the router', { ingress: { mode: 'none' } }, true, ['PodMonitor/demo']],
  ['nothing, where it is not wanted', { monitoring: { podMonitor: false } }, true, []],
  ['nothing, without Prometheus Operator', {}, false, []],
])('Prometheus is told of %s', (_, written, podMonitor, expected) => {
  expect(monitorsOf(written, { apis: { ...circumstancesOf().apis, podMonitor } })).toEqual(expected);
});

test('a PodMonitor has the labels by which Prometheus finds it, and those of the operator', () => {
  const { metadata, spec } = objectOf('PodMonitor/demo', {
    monitoring: { labels: { release: 'prometheus', 'etherply.io/cluster': 'other' } },
  });
  expect(metadata.labels).toMatchObject({ release: 'prometheus', 'etherply.io/cluster': 'demo' });
  expect(spec).toMatchObject({ podMetricsEndpoints: [{ port: 'http', path: '/metrics' }] });
});
