import { expect, test } from '@jest/globals';
import { welcome } from '../src/dev/development-secret.ts';
import { SECRET } from './pod.ts';

test.each([
  [8080, '  1. watch a workspace:   npm run --silent watch -- demo\n'],
  [9000, '  1. watch a workspace:   URL=ws://127.0.0.1:9000 npm run --silent watch -- demo\n'],
])('the command to watch a workspace finds a pod on port %i', async (port, command) => {
  expect(await welcome(SECRET, port)).toContain(command);
});
