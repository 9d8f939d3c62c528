import { expect, test } from '@jest/globals';
import { LabelSelectorError, labelSelector } from '../../src/metrics-api/label-selector.ts';

const LABELS = { 'etherply.io/cluster': 'chat', 'app.kubernetes.io/component': 'sync-pod', empty: '' };

test.each([
  ['', true],
  ['etherply.io/cluster=chat', true],
  ['etherply.io/cluster==chat', true],
  ['etherply.io/cluster=other', false],
  ['etherply.io/cluster=chat,app.kubernetes.io/component=router', false],
  ['etherply.io/cluster=chat, app.kubernetes.io/component = sync-pod', true],
  ['etherply.io/cluster!=chat', false],
  ['other!=chat', true],
  ['empty=', true],
  ['app.kubernetes.io/component in (router, sync-pod),etherply.io/cluster', true],
  ['app.kubernetes.io/component in (router)', false],
  ['app.kubernetes.io/component notin (router,nats)', true],
  ['app.kubernetes.io/component notin (sync-pod)', false],
  ['other notin (a)', true],
  ['empty', true],
  ['!empty', false],
  ['!toString', true],
  ['toString=x', false],
])('%j selects: %j', (text, isSelected) => {
  expect(labelSelector(text)(LABELS)).toBe(isSelected);
});

test.each(['a=b=c', 'a in b', '=a', 'a,,b', 'a>1', 'a in (b'])('%j is no selector', (text) => {
  expect(() => labelSelector(text)).toThrow(LabelSelectorError);
});
