import { createHash, randomBytes } from 'node:crypto';
import { type Durability, LIMITS, type StrategyName, type WorkspaceId } from '@etherply/protocol';
import { pino } from 'pino';
import { createTokenVerifier } from './auth/token-verifier.ts';
import { type Config, ConfigError, loadConfig } from './config/config.ts';
import { Drain } from './control/drain.ts';
import { developmentSecret, welcome } from './dev/development-secret.ts';
import { Admission } from './http/admission.ts';
import { Certificate, CertificateError } from './http/certificate.ts';
import { ControlRoutes } from './http/control-routes.ts';
import { CorkAnchor } from './http/cork-anchor.ts';
import { Gate } from './http/gate.ts';
import { openApi } from './http/openapi.ts';
import { RepoRoute } from './http/repo-route.ts';
import { restRoutes } from './http/rest-routes.ts';
import { ListenError, Server } from './http/server.ts';
import { Sockets } from './http/sockets.ts';
import { SyncRoute } from './http/sync-route.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { Presence } from './presence/presence.ts';
import { PresenceBus } from './presence/presence-bus.ts';
import { NatsCredentialsError } from './replication/nats-connection.ts';
import { Pacing } from './repo-sync/pacing.ts';
import { Peers } from './repo-sync/peers.ts';
import { RepoSession } from './repo-sync/repo-session.ts';
import { startReplication } from './start-replication.ts';
import { DataDirError, prepareDataDirs } from './storage/data-dir.ts';
import { readPodId } from './storage/pod-id.ts';
import { createStrategy } from './strategy/strategies.ts';
import { WorkerPool } from './strategy/worker-pool.ts';
import { OpRate } from './usage/op-rate.ts';
import { Usage } from './usage/usage.ts';
import { warmUp } from './warm-up.ts';
import { Webhooks } from './webhooks/webhooks.ts';
import { Workspaces } from './workspaces/workspaces.ts';

const VERSION = '0.2.0';
/** So many seconds' worth of ops pass at once after a rest. */
const BURST_SECONDS = 4;
/** Clients that a drain sends away come back within so many milliseconds; they go one after the other anyway. */
const DISMISSAL_MS = 1000;
const PRESENCE_TIMES = { beatMs: 10_000, answerMs: 50 };

/** Builds and connects all parts of a sync pod, and ends it on a signal. */
async function main(config: Config): Promise<void> {
  const logger = pino({ level: config.logLevel });
  const now = Date.now;
  await prepareDataDirs(config.dataDirs);
  const certificate =
    config.tlsCert === undefined || config.tlsKey === undefined
      ? undefined
      : await Certificate.load({ certFile: config.tlsCert, keyFile: config.tlsKey });
  const secret = config.jwtSecret ?? (config.dev ? await developmentSecret(config.dataDirs[0] ?? '.') : undefined);
  const verifier = createTokenVerifier({
    secret,
    jwksUrl: config.jwksUrl,
    issuer: config.jwtIssuer,
    audience: config.jwtAudience,
    defaultScopes: config.defaultScopes,
    requireWorkspaceClaim: config.requireWorkspaceClaim,
  });

  let isStopping = false;
  const isDraining = () => isStopping || drain.isDraining;
  const opRate = new OpRate(now());
  let repoRoute: RepoRoute | undefined;
  const connections = () => sockets.count + (repoRoute?.count ?? 0);
  const metrics = createMetrics({
    connections,
    pendingBytes: () => sockets.pendingBytes,
    workspacesOpen: () => workspaces.openCount,
    workspacesQuarantined: () => workspaces.quarantinedCount,
    documentBytes: () => workspaces.documentBytes,
    webhooksQueued: () => webhooks?.queued ?? 0,
    unpublishedBytes: () => link?.replication.budget.bytes ?? 0,
    unpublishedRecords: () => link?.replication.budget.records ?? 0,
    streamConnected: () => link?.replication.stream.isConnected === true,
    opsPerSecond: () => opRate.perSecond(now()),
  });
  const sent = (bytes: number) => metrics.bytesOut.inc(bytes);
  const rejected = (reason: string) => metrics.rejected.inc({ reason });
  const acked = (count: number, durability: Durability) => metrics.acks.inc({ durability }, count);

  const webhooks = createWebhooks(config, metrics);
  const sockets = new Sockets(sent, now);
  const presence = new Presence(sockets);
  const workers = new WorkerPool();
  // Reading history takes long, and ops must not wait for it.
  const historyWorkers = new WorkerPool();
  // Random for each start: a data directory that is lost, copied or restored never repeats (actor, seq) with other content.
  const actor = randomBytes(16).toString('hex');
  // A workspace that was deleted counts from 1 again, so that it is another actor that does.
  const actorOf = (epoch: number) => {
    return epoch === 1 ? actor : createHash('sha256').update(`${actor} ${epoch}`).digest('hex').slice(0, actor.length);
  };
  const strategyOptions = { tombstoneMs: config.tombstoneSeconds * 1000, heavyWork: workers };
  const state = {
    createStrategy: (name: StrategyName, epoch: number) => {
      return createStrategy(name, { ...strategyOptions, actor: actorOf(epoch) });
    },
    defaultStrategy: config.syncStrategy,
    opIdMemoryMs: LIMITS.opIdMemoryMs,
  };
  let started: Workspaces | undefined;
  const link = await startReplication({ config, metrics: () => metrics, logger, replicas: () => started?.replicas });
  const presenceBus = link && new PresenceBus(presence, link.presenceBus, PRESENCE_TIMES);
  const workspaces = await Workspaces.start({
    dataDirs: config.dataDirs,
    state,
    historyWork: historyWorkers,
    replication: link?.replication,
    home: link?.home,
    limits: {
      maxKeys: config.maxWorkspaceKeys,
      maxBytes: config.maxWorkspaceBytes,
      opsPerSecond: config.maxWorkspaceOpsPerSecond,
      opsBurst: config.maxWorkspaceOpsPerSecond * BURST_SECONDS,
    },
    broadcaster: sockets,
    observer: {
      committed(records, seconds) {
        metrics.commitRecords.observe(records);
        metrics.commitSeconds.observe(seconds);
      },
    },
    now,
    idleMs: config.workspaceIdleSeconds * 1000,
    maxIdleBytes: config.maxIdleBytes,
    maxDocumentBytes: config.documentCacheBytes,
    writeBufferBytes: config.writeBufferBytes,
    compactFromBytes: config.compactFromBytes,
    onUpdated: webhooks && ((workspaceId, update) => webhooks.updated({ workspaceId, ...update })),
    onCompacted: () => metrics.compactions.inc(),
    onQuarantined: (workspace, error) =>
      logger.error({ err: error, workspace }, 'a workspace cannot be read and is quarantined'),
    onFailed: (workspace, error) => logger.error({ err: error, workspace }, 'something is wrong with a workspace'),
    onShardDown: (error) => logger.error({ err: error }, 'a shard is down'),
    onShardUp: (shard) => logger.info({ shard }, 'a shard is up again'),
  });
  started = workspaces;
  link?.begin(workspaces);
  const usage = new Usage({ store: workspaces, now, flushMs: config.usageFlushSeconds * 1000 });
  const submitted = (workspace: WorkspaceId, ops: number, bytes: number) => {
    metrics.ops.inc(ops);
    opRate.count(ops, now());
    usage.count(workspace, ops, bytes);
  };

  const drain = new Drain({
    connections,
    dismiss: (count) => {
      const others = Math.max(0, count - sockets.count);
      sockets.closeSome(count, DISMISSAL_MS);
      repoRoute?.closeSome(others, DISMISSAL_MS);
    },
    publish: async () => {
      await workspaces.replicas?.connected();
      await workspaces.published();
    },
    unpublished: async () => (await workspaces.unpublished()).count,
    failed: (error) => logger.error({ err: error }, 'a drain does not go on'),
  });
  const gate = new Gate(verifier);
  const routes = restRoutes({
    gate,
    workspaces,
    presence,
    usage,
    stats: async () => ({
      uptime_seconds: process.uptime(),
      connections: connections(),
      workspaces_open: workspaces.openCount,
      pending_bytes: sockets.pendingBytes,
      ...(await metrics.totals()),
    }),
    isDraining,
    submitted,
    acked,
    now,
  });
  const admission = new Admission(
    {
      perPod: config.maxConnections,
      perWorkspace: config.maxConnectionsPerWorkspace,
      perAddress: config.maxConnectionsPerAddress,
    },
    (limit) => metrics.connectionsRefused.inc({ limit }),
  );
  const anchor = await CorkAnchor.create();
  const limits = {
    opsPerSecond: config.maxOpsPerSecond,
    opsBurst: config.maxOpsPerSecond * BURST_SECONDS,
    maxPresenceBytes: config.maxPresenceBytes,
  };
  const podName = `etherply-${randomBytes(8).toString('hex')}`;
  if (config.repoSync) {
    const peers = new Peers({ pod: podName, bus: link?.ephemeralBus, now });
    const pacing = new Pacing();
    const storageId = config.repoStorageId ?? (await readPodId(config.dataDirs[0] ?? '.'));
    repoRoute = new RepoRoute(
      {
        gate,
        admission,
        maxMessageBytes: config.maxMessageBytes,
        trustProxy: config.trustProxy,
        isDraining,
        sessionOf: (facts) =>
          new RepoSession({
            ...facts,
            podName,
            storageId,
            workspaces,
            enterWorkspace: (workspace) => admission.enterWorkspace(workspace),
            peers,
            pacing,
            historyWork: historyWorkers,
            limits,
            submitted,
            rejected,
            failed: (error) => logger.error({ err: error }, 'something is wrong with a connection of automerge-repo'),
            now,
          }),
        received: (bytes) => metrics.bytesIn.inc(bytes),
        sent,
        rejected,
        fail: (reply, error) => server.fail(reply, error),
        logger,
        now,
      },
      anchor,
    );
  }
  const syncRoute = new SyncRoute(
    {
      gate,
      admission,
      sockets,
      workspaces,
      presence,
      verifier,
      limits,
      maxMessageBytes: config.maxMessageBytes,
      maxPendingBytes: config.maxPendingBytes,
      idleTimeoutSeconds: Math.min(960, config.pingSeconds * 2),
      trustProxy: config.trustProxy,
      isDraining,
      observerOf: ({ workspaceId }) => ({
        ops: (count, bytes) => submitted(workspaceId, count, bytes),
        acked,
        rejected,
      }),
      received: (bytes) => metrics.bytesIn.inc(bytes),
      sent,
      rejected,
      opened: (facts) => webhooks?.connected(facts),
      closed: (facts, code) => webhooks?.disconnected({ ...facts, code }),
      fail: (reply, error) => server.fail(reply, error),
      logger,
      now,
    },
    anchor,
  );
  const { controlToken } = config;
  const controlRoutes =
    controlToken === undefined
      ? undefined
      : new ControlRoutes({
          token: controlToken,
          drain,
          status: async () => {
            // As it was before counting: what came in meanwhile is not counted.
            const [draining, connected] = [isDraining(), connections()];
            const { count, problems } = await workspaces.unpublished();
            return {
              draining,
              connections: connected,
              unpublished_workspaces: count,
              stream_connected: link?.replication.stream.isConnected === true,
              problems: [...new Set([...workspaces.problems(), link?.problem() ?? [], problems].flat())],
              ops_per_second: opRate.perSecond(now()),
              ...(link?.podId !== undefined && { pod_id: link.podId }),
            };
          },
          fail: (reply, error) => server.fail(reply, error),
        });
  const server = new Server({
    gate,
    routes,
    syncRoute,
    repoRoute,
    sockets,
    controlRoutes,
    readiness: () => {
      if (isDraining()) return { problems: ['draining'], notes: [] };
      const reason = link?.problem() ?? [];
      const refusal = link?.refusal() ?? [];
      // A pod that acks what is durable on it alone serves without the stream.
      if (config.ack === 'local') return { problems: workspaces.problems(), notes: [reason, refusal].flat() };
      // A full stream is full for all pods: none would be left to read from.
      return { problems: [...workspaces.problems(), reason].flat(), notes: [refusal].flat() };
    },
    metricsText: () => metrics.registry.metrics(),
    metricsType: metrics.registry.contentType,
    description: JSON.stringify(openApi(routes, VERSION)),
    maxMessageBytes: config.maxMessageBytes,
    rejected,
    logger,
  });
  await warmUp(state, historyWorkers, verifier);
  const port = await server.listen(config.host, config.port, certificate);
  logger.info({ port, shards: config.dataDirs.length, ack: config.ack, tls: certificate !== undefined }, 'ready');
  if (config.dev && secret !== undefined) process.stdout.write(await welcome(secret, port));

  const stop = async () => {
    const endMs = now() + config.shutdownTimeoutSeconds * 1000;
    const deadline = setTimeout(() => process.exit(1), config.shutdownTimeoutSeconds * 1000);
    deadline.unref();
    logger.info('draining');
    isStopping = true;
    drain.resume();
    await workspaces.settled();
    await workspaces.published();
    sockets.closeAll(config.shutdownTimeoutSeconds * 1000);
    await repoRoute?.closeAll(config.shutdownTimeoutSeconds * 1000);
    presenceBus?.close();
    await usage.close();
    await workspaces.close();
    await link?.close();
    // What is left of the time, but for a moment to end in.
    await webhooks?.close(Math.max(0, (endMs - now()) / 2));
    server.close();
    logger.info('stopped');
    process.exit(0);
  };
  const onSignal = () => {
    if (isStopping) process.exit(1);
    void stop();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
}

function createWebhooks({ webhookUrl, webhookSecret, webhookMaxQueued }: Config, metrics: Metrics) {
  if (webhookUrl === undefined || webhookSecret === undefined) return undefined;
  const count = (outcome: string) => (type: string) => metrics.webhooks.inc({ type, outcome });
  const observer = {
    delivered: count('delivered'),
    retried: count('retried'),
    failed: count('failed'),
    dropped: count('dropped'),
  };
  return new Webhooks({ url: webhookUrl, secret: webhookSecret, maxQueued: webhookMaxQueued, observer });
}

try {
  await main(loadConfig(process.env));
} catch (error) {
  const isUsers = [ConfigError, DataDirError, ListenError, CertificateError, NatsCredentialsError].some(
    (kind) => error instanceof kind,
  );
  if (!isUsers || !(error instanceof Error)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(2); // shards are open already where it could not listen
}
