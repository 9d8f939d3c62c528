import { expect, test } from '@jest/globals';
import { bytesOf } from '../../src/api/quantity.ts';

test.each([
  ['512', 512],
  ['1k', 1000],
  ['1.5Ki', 1536],
  ['10Gi', 10737418240],
  ['2T', 2e12],
])('%s is %d bytes', (quantity, bytes) => {
  expect(bytesOf(quantity)).toBe(bytes);
});

test.each(['', 'Gi', '10 Gi', '1Xi', '-1'])('"%s" is no quantity of bytes', (quantity) => {
  expect(() => bytesOf(quantity)).toThrow('is no quantity of bytes');
});
