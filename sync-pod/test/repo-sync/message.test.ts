import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { encodeMessage } from '../../src/repo-sync/message.ts';
import { cbor } from './raw-client.ts';

const name = fc.string({ minLength: 1, maxLength: 40 });
const bytes = fc
  .tuple(fc.constantFrom(0, 1, 65_535, 65_536, 70_000, 1_000_000, 5_000_000), fc.nat(255))
  .map(([length, byte]) => new Uint8Array(length).fill(byte));

test('a message is what it was, whatever its size and whatever was sent before', () => {
  const message = fc.record({ senderId: name, targetId: name, documentId: name, data: bytes });
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 3 }), (messages) => {
      for (const one of messages) {
        const { data, ...others } = cbor.decode(encodeMessage({ type: 'sync', ...one }));
        expect(others).toEqual({
          type: 'sync',
          senderId: one.senderId,
          targetId: one.targetId,
          documentId: one.documentId,
        });
        expect(Buffer.compare(data, one.data)).toBe(0);
      }
    }),
    { numRuns: 50 },
  );
});

test('large messages share one buffer', () => {
  const about = {
    type: 'sync',
    senderId: 'pod',
    targetId: 'one',
    documentId: 'a',
    data: new Uint8Array(100_000),
  } as const;
  const first = encodeMessage(about);
  expect(encodeMessage({ ...about, targetId: 'another' }).buffer).toBe(first.buffer);
});
