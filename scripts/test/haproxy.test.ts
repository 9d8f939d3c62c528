import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from '@jest/globals';
import { haproxyConfig } from '../haproxy.mjs';
import { haproxy } from '../tools.mjs';

const run = promisify(execFile);

test.each([1, 3, 9])('HAProxy takes the configuration for %d pods without a warning', async (count) => {
  const pods = Array.from({ length: count }, (_, index) => ({ name: `pod-${index + 1}`, port: 9001 + index }));
  const text = haproxyConfig({ port: 9000, pods });
  const folder = await mkdtemp(join(tmpdir(), 'etherply-haproxy-'));
  try {
    const file = join(folder, 'haproxy.cfg');
    await writeFile(file, text);
    const { stderr } = await run(await haproxy(), ['-c', '-f', file]);
    expect(stderr).not.toMatch(/WARNING|ALERT/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  expect(text.match(/^ {2}server pod-\d 127\.0\.0\.1:900\d id \d$/gm)).toHaveLength(count);
});
