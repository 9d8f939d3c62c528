import { randomBytes } from 'node:crypto';
import { LIMITS } from '@etherply/protocol';
import { pino } from 'pino';
import { createTokenVerifier } from './auth/token-verifier.ts';
import { type Config, ConfigError, loadConfig } from './config.ts';
import { developmentSecret, welcome } from './dev/development-secret.ts';
import { ListenError, Server } from './http/server.ts';
import { createMetrics } from './metrics.ts';
import { DataDirError, prepareDataDirs } from './storage/data-dir.ts';
import { AutomergeStrategy } from './strategy/automerge/automerge-strategy.ts';
import { WorkerPool } from './strategy/automerge/worker-pool.ts';
import { warmUp } from './warm-up.ts';
import { Workspaces } from './workspace/workspaces.ts';

/** Builds and connects all parts of a sync pod, and ends it on a signal. */
async function main(config: Config): Promise<void> {
  const logger = pino({ level: config.logLevel });
  await prepareDataDirs(config.dataDirs);
  const secret = config.jwtSecret ?? (config.dev ? await developmentSecret(config.dataDirs[0] ?? '.') : undefined);
  const verifier = createTokenVerifier({
    secret,
    jwksUrl: config.jwksUrl,
    issuer: config.jwtIssuer,
    audience: config.jwtAudience,
    defaultScopes: config.defaultScopes,
    requireWorkspaceClaim: config.requireWorkspaceClaim,
  });
  const now = Date.now;
  const server = new Server({
    verifier,
    maxMessageBytes: config.maxMessageBytes,
    maxPendingBytes: config.maxPendingBytes,
    maxConnections: config.maxConnections,
    idleTimeoutSeconds: Math.min(960, config.pingSeconds * 2),
    logger,
    now,
  });
  const metrics = createMetrics({
    connections: () => server.connectionCount,
    pendingBytes: () => server.pendingBytes,
    workspacesOpen: () => workspaces.openCount,
  });
  // Random for each start: a data directory that is lost, copied or restored never repeats (actor, seq) with other content.
  const actor = randomBytes(16).toString('hex');
  const workers = new WorkerPool();
  const createStrategy = () => new AutomergeStrategy(actor, workers);
  const workspaces = await Workspaces.start({
    dataDirs: config.dataDirs,
    createStrategy,
    broadcaster: server,
    observer: {
      committed(records, seconds) {
        metrics.commitRecords.observe(records);
        metrics.commitSeconds.observe(seconds);
      },
    },
    now,
    opIdMemoryMs: LIMITS.opIdMemoryMs,
    idleMs: config.workspaceIdleSeconds * 1000,
    writeBufferBytes: config.writeBufferBytes,
    compactFromBytes: config.compactFromBytes,
    onCompacted: () => metrics.compactions.inc(),
    onCompactionFailed: (workspace, error) =>
      logger.error({ err: error, workspace }, 'a workspace cannot be compacted'),
    onShardDown: (error) => logger.error({ err: error }, 'a shard is down'),
    onShardUp: (shard) => logger.info({ shard }, 'a shard is up again'),
  });
  await warmUp(createStrategy, verifier);
  const port = await server.listen(config.host, config.port, workspaces, metrics);
  logger.info({ port, shards: config.dataDirs.length, ack: config.ack }, 'ready');
  if (config.dev && secret !== undefined) process.stdout.write(await welcome(secret, port));

  const stop = async () => {
    const deadline = setTimeout(() => process.exit(1), config.shutdownTimeoutSeconds * 1000);
    deadline.unref();
    logger.info('draining');
    server.refuseConnections();
    await workspaces.idle();
    server.closeSessions(config.shutdownTimeoutSeconds * 1000);
    await workspaces.close();
    server.close();
    logger.info('stopped');
    process.exit(0);
  };
  let stopping = false;
  const onSignal = () => {
    if (stopping) process.exit(1);
    stopping = true;
    void stop();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

try {
  await main(loadConfig(process.env));
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof DataDirError || error instanceof ListenError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(2); // shards are open already where it could not listen
}
