import { expect, test } from '@jest/globals';
import { Authors } from '../../src/strategy/automerge/authors.ts';

test('each change of an actor is of the user whose connection brought it, also after a restart', () => {
  const first = new Authors();
  first.add('aa', 3, 'alice');
  first.add('aa', 4, 'alice');
  first.add('aa', 7, 'bob');
  first.add('bb', 1, 'eve');
  const authors = new Authors();
  authors.restore(first.entries());
  authors.add('aa', 8, 'bob');
  authors.add('aa', 9, 'alice');
  const users = [2, 3, 4, 5, 7, 8, 9, 10].map((seq) => authors.of('aa', seq));
  expect(users).toEqual([undefined, 'alice', 'alice', 'alice', 'bob', 'bob', 'alice', 'alice']);
  expect(authors.of('bb', 1)).toBe('eve');
  expect(authors.of('cc', 1)).toBeUndefined();
  expect(authors.entries()).toHaveLength(2);
});
