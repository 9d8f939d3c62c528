import { expect, test } from '@jest/globals';
import { withTables } from '../../src/report/results.ts';

test('tables take the place of those of the run before, a level below the headings around them', () => {
  const text = '# Title\n\n<!-- results -->\n\n### Old\n\n<!-- end of results -->\n\nEnd.\n';
  const written = withTables(text, '## New\n\nfigures');
  expect(written).toBe('# Title\n\n<!-- results -->\n\n### New\n\nfigures\n\n<!-- end of results -->\n\nEnd.\n');
  expect(withTables(written, '## New\n\nfigures')).toBe(written);
});

test('a text without marks is not written over', () => {
  expect(() => withTables('# Title\n', 'figures')).toThrow(/<!-- results -->/);
});
