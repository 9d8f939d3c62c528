import { expect, test } from '@jest/globals';
import { refusalOf } from '../../src/observed/refusal.ts';

function event(reason: string, at: string, note = reason) {
  const metadata = { name: 'c.1', creationTimestamp: '2026-01-01T00:00:00Z' };
  return { apiVersion: 'events.k8s.io/v1', kind: 'Event', metadata, reason, note, deprecatedLastTimestamp: at };
}

test.each([
  ['nothing has happened', [], undefined],
  [
    'the last pod was refused',
    [event('SuccessfulCreate', '2026-01-01T00:00:01Z'), event('FailedCreate', '2026-01-01T00:00:02Z', 'quota')],
    'quota',
  ],
  [
    'one was made since',
    [event('FailedCreate', '2026-01-01T00:00:01Z'), event('SuccessfulCreate', '2026-01-01T00:00:02Z')],
    undefined,
  ],
  [
    'one was made in the same second',
    [event('FailedCreate', '2026-01-01T00:00:01Z'), event('SuccessfulCreate', '2026-01-01T00:00:01Z')],
    undefined,
  ],
  ['something else has happened', [event('SuccessfulDelete', '2026-01-01T00:00:01Z')], undefined],
])('%s', (_, events, refusal) => {
  expect(refusalOf(events)).toBe(refusal);
});
