import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from '@jest/globals';
import { buildSync } from 'esbuild';
import { ServerProcess } from './control-plane/server-process.ts';
import { until } from './control-plane/until.ts';

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test('a server ends with the process that started it, even if that is killed', async () => {
  const { outputFiles } = buildSync({
    stdin: {
      contents: `import { ServerProcess } from './control-plane/server-process.ts';
        console.log(ServerProcess.start('sleep', 'sleep', ['1000']).pid);`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    write: false,
  });
  const owner = spawn(process.execPath, ['--input-type=module', '-'], { stdio: ['pipe', 'pipe', 'inherit'] });
  owner.stdin.end(outputFiles[0]?.text);
  const [printed] = await once(owner.stdout, 'data');
  const pid = Number(String(printed));
  expect(isRunning(pid)).toBe(true);
  owner.kill('SIGKILL');
  await until(() => !isRunning(pid), { what: 'the end of the server' });
});

test('a server that ends by itself is told of with what it printed', async () => {
  const server = ServerProcess.start('talker', 'sh', ['-c', 'echo no room >&2; exit 3']);
  await until(() => server.hasEnded);
  expect(() => server.assertRunning()).toThrow(/talker ended by itself \(exit code 3\):\nno room/);
});

test('what cannot be started is told of', async () => {
  const server = ServerProcess.start('nothing', '/nowhere/nothing', []);
  await until(() => server.hasEnded);
  expect(() => server.assertRunning()).toThrow('nothing ended by itself');
});

test('a server that is paused does nothing until it goes on', async () => {
  const server = ServerProcess.start('counter', 'sh', ['-c', 'i=0; while :; do i=$((i+1)); echo $i; done']);
  await until(() => server.output.includes('100'));
  await server.pause();
  // What it had printed before is read first.
  let before = '';
  await until(() => {
    const isSame = server.output === before;
    before = server.output;
    return isSame;
  });
  server.resume();
  await until(() => server.output !== before);
  await server.end();
});
