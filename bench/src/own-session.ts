import { spawn } from 'node:child_process';
import { once } from 'node:events';

// A command that imports this runs in a session of its own, with all that it starts. In a terminal Ctrl-C is for the process that
// waits here, and that ends the command; none of its servers ends before it. And Linux shares cores out to sessions first, and to
// processes within them: where each server had a session, p99 between three pods was 60 ms in place of 35.

const MARK = 'ETHERPLY_BENCH_SESSION';

if (process.env[MARK] === undefined) {
  const command = spawn(process.execPath, [...process.execArgv, ...process.argv.slice(1)], {
    env: { ...process.env, [MARK]: 'own' },
    // The channel closes when this process ends, however that comes.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    detached: true,
  });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => command.kill(signal));
  const [code] = await once(command, 'exit');
  process.exit(typeof code === 'number' ? code : 1);
}
process.once('disconnect', () => process.exit(1));
process.channel?.unref();
