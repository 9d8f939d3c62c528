import { setTimeout as sleep } from 'node:timers/promises';
import { KubeConfig } from '@kubernetes/client-node';
import { type Logger, pino } from 'pino';
import { clusterStatus } from './api/cluster.ts';
import { type Config, ConfigError, loadConfig } from './config.ts';
import { AppliedObjects } from './controllers/applied-objects.ts';
import { ClusterCache } from './controllers/cluster-cache.ts';
import { ClusterController } from './controllers/cluster-controller.ts';
import { Effects } from './controllers/effects.ts';
import { Observer } from './controllers/observer.ts';
import { PodMetricsPoller } from './controllers/pod-metrics-poller.ts';
import { PodStatuses } from './controllers/pod-statuses.ts';
import { StreamController } from './controllers/stream-controller.ts';
import { Told } from './controllers/told.ts';
import { HealthServer } from './health-server.ts';
import { KINDS } from './kube/kinds.ts';
import { keyOf } from './kube/object.ts';
import { createMetrics } from './metrics.ts';
import { FRONT_PROXY_CONFIG, frontProxyOf } from './metrics-api/front-proxy.ts';
import { MetricsApiServer } from './metrics-api/metrics-api-server.ts';
import { StreamKeeper } from './nats/stream-keeper.ts';
import { PodControl } from './pods/pod-control.ts';
import { ApiError, ApiUnavailableError } from './runtime/api-error.ts';
import { Elector } from './runtime/elector.ts';
import { EventRecorder } from './runtime/event-recorder.ts';
import { KubeClient } from './runtime/kube-client.ts';
import type { Leadership } from './runtime/leadership.ts';
import { WorkQueue } from './runtime/work-queue.ts';
import { VERSION } from './version.ts';

const LEASE = 'etherply-operator';
/** A cluster that waits for so long waits for ever. */
const STUCK_MS = 300_000;
/** So often it is looked whom the API server comes as. */
const FRONT_PROXY_MS = 60_000;

async function main(config: Config): Promise<void> {
  const logger = pino({ level: config.ETHERPLY_LOG_LEVEL });
  const now = () => Date.now();
  const resyncMs = config.ETHERPLY_RESYNC_SECONDS * 1000;
  const stopping = new AbortController();
  let isSynced = false;
  let leadership: Leadership | undefined;
  const isLeader = () => leadership?.isHeld === true;

  const kubeconfig = new KubeConfig();
  kubeconfig.loadFromDefault();
  const metrics = createMetrics({
    queueDepth: () => queue.depth,
    isLeader,
    clusters: () => cache.clusters.map(({ status }) => clusterStatus.safeParse(status).data?.conditions ?? []),
  });
  const connection = { fieldManager: 'etherply', onRequest: metrics.requested };
  // Whoever does not lead changes nothing but the lease, and tells of what it has done before.
  const client = new KubeClient(kubeconfig, { ...connection, mayWrite: isLeader });
  const own = new KubeClient(kubeconfig, connection);
  const events = new EventRecorder(own, { controller: 'etherply.io/operator', instance: config.POD_NAME });
  const told = new Told(events, logger);
  const pods = new PodControl();
  const statuses = new PodStatuses(pods);
  const keeper = new StreamKeeper();
  const applied = new AppliedObjects();
  const cache = new ClusterCache(
    client,
    { namespaces: config.ETHERPLY_WATCH_NAMESPACES, notInstalledRetryMs: resyncMs },
    {
      changed: (key) => {
        if (isLeader()) queue.add(key);
      },
      deleted: (key, object) => applied.delete(key, object),
      failed: (error, retryMs) => logger.debug({ reason: error.message, retryMs }, 'a kind cannot be followed now'),
    },
  );
  const controller = new ClusterController({
    client,
    cache,
    observer: new Observer({ client, cache, statuses, version: VERSION }),
    effects: new Effects({ client, pods, applied, told, isLeader }),
    applied,
    streams: new StreamController(keeper, told, isLeader),
    told,
    circumstances: {
      version: VERSION,
      operatorNamespace: config.POD_NAMESPACE,
      clusterDomain: config.ETHERPLY_CLUSTER_DOMAIN,
    },
    now,
    resyncMs,
  });
  const queue: WorkQueue = new WorkQueue({
    concurrency: config.ETHERPLY_CONCURRENCY,
    handle: async (key) => {
      const ms = await controller.reconcile(key);
      if (ms !== undefined) queue.after(key, ms);
    },
    onHandled: (handled) => {
      metrics.handled(handled);
      if (handled.failure === undefined) return;
      const { error, retryMs } = handled.failure;
      logger.error({ err: error, cluster: handled.key, retryMs }, 'a cluster could not be looked after');
    },
  });
  const health = await HealthServer.start({
    host: config.ETHERPLY_HOST,
    port: config.PORT,
    stuck: () => (queue.longestWaitMs > STUCK_MS ? 'a cluster waits for its turn for too long' : undefined),
    unready: () => (isSynced ? undefined : 'not all of what there is has been seen yet'),
    registry: metrics.registry,
  });
  const stop = async () => {
    logger.info('stopping');
    stopping.abort(new Error('the operator is stopping'));
    await queue.stop();
    await leadership?.release();
    await Promise.all([events.close(), cache.stop(), keeper.close()]);
    process.exit(0);
  };
  process.once('SIGTERM', () => void stop());
  process.once('SIGINT', () => void stop());

  await cache.synced();
  isSynced = true;
  logger.info({ version: VERSION, namespaces: config.ETHERPLY_WATCH_NAMESPACES ?? 'all', port: health.port }, 'ready');
  if (config.ETHERPLY_METRICS_API) {
    const failed = (error: unknown) => logger.warn({ err: error }, 'metrics of pods cannot be asked for, or served');
    const poller = new PodMetricsPoller({ client, cache, statuses, now, failed });
    void poller.run(stopping.signal);
    await serveMetricsApi(config, client, poller, logger, stopping.signal);
  }

  const elector = new Elector(own, {
    namespace: config.POD_NAMESPACE,
    name: LEASE,
    identity: config.POD_NAME,
    onError: (error) => logger.warn({ reason: error.message }, 'the lease cannot be looked at'),
  });
  try {
    leadership = await elector.acquire(stopping.signal);
  } catch (error) {
    if (stopping.signal.aborted) return; // it ends
    throw error;
  }
  logger.info('leading');
  void leadership.lost.then((reason) => {
    logger.fatal({ reason }, 'no longer leading: ending, so that nothing is done twice');
    process.exit(1);
  });
  for (const { metadata } of cache.clusters) queue.add(keyOf(metadata));
}

/** Serves custom.metrics.k8s.io, to whom the API server says that it comes as. @throws where it cannot listen */
async function serveMetricsApi(
  config: Config,
  client: KubeClient,
  metrics: PodMetricsPoller,
  logger: Logger,
  signal: AbortSignal,
): Promise<void> {
  const { ETHERPLY_METRICS_API_CERT: certFile = '', ETHERPLY_METRICS_API_KEY: keyFile = '' } = config;
  const server = await MetricsApiServer.start({
    host: config.ETHERPLY_HOST,
    port: config.ETHERPLY_METRICS_API_PORT,
    certFile,
    keyFile,
    metrics,
    frontProxy: undefined,
    failed: (error) => logger.error({ err: error }, 'custom.metrics.k8s.io'),
  });
  logger.info({ port: server.port }, 'serving custom.metrics.k8s.io');
  const follow = async () => {
    while (!signal.aborted) {
      try {
        server.trust(frontProxyOf(await client.get(KINDS.ConfigMap, FRONT_PROXY_CONFIG)));
      } catch (error) {
        if (!(error instanceof ApiError || error instanceof ApiUnavailableError)) throw error;
        logger.warn({ reason: error.message }, 'it cannot be looked up whom the API server comes as');
      }
      await sleep(FRONT_PROXY_MS, undefined, { signal }).catch(() => {}); // aborted: the loop ends
    }
  };
  void follow();
}

try {
  await main(loadConfig(process.env));
} catch (error) {
  if (!(error instanceof ConfigError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(2);
}
