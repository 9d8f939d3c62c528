import { expect, test } from '@jest/globals';
import { Sender } from './receiver.ts';

test.each(['ftp://example.com/', 'not a URL', 'https://user@example.com/', 'https://:password@example.com/'])(
  'a URL that nothing can be sent to is refused at the start: %s',
  async (url) => {
    expect(() => new Sender(url)).toThrow(expect.objectContaining({ name: 'TypeError' }));
  },
);

test('without a secret nothing is sent', () => {
  expect(() => new Sender('https://example.com/', { secret: '' })).toThrow('secret');
});
