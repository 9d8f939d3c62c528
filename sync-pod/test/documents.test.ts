import { expect, test } from '@jest/globals';
import { Documents } from '../src/workspace/documents.ts';

/** A workspace with a document of so many bytes, which goes when it is to. */
class Holder {
  documentBytes: number;

  constructor(bytes: number) {
    this.documentBytes = bytes;
  }

  dropDocument(): void {
    this.documentBytes = 0;
  }
}

test('those that have not been needed for longest go', () => {
  const documents = new Documents(100);
  const [one, two, three] = [new Holder(40), new Holder(40), new Holder(40)];
  for (const holder of [one, two, one, three]) documents.used(holder);
  expect([one, two, three].map(({ documentBytes }) => documentBytes)).toEqual([40, 0, 40]);
  expect(documents.bytes).toBe(80);
  one.documentBytes = 90; // it has grown
  documents.used(one);
  expect(three.documentBytes).toBe(0);
  documents.closed(one);
  expect(documents.bytes).toBe(0);
  expect(one.documentBytes).toBe(90);
});

test('one that is larger than all may be stays alone', () => {
  const documents = new Documents(100);
  const [small, large] = [new Holder(10), new Holder(1000)];
  documents.used(small);
  documents.used(large);
  expect(small.documentBytes).toBe(0);
  expect(documents.bytes).toBe(1000);
});
