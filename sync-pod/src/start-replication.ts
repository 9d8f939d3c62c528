import { ephemeralSubjectOf, homeSubjectOf, presenceSubjectOf } from '@etherply/stream';
import type { Logger } from 'pino';
import type { Config } from './config/config.ts';
import type { Metrics } from './metrics.ts';
import { JetStream } from './replication/jetstream.ts';
import { NatsBus } from './replication/nats-bus.ts';
import { NatsClient } from './replication/nats-client.ts';
import { natsConnector } from './replication/nats-connection.ts';
import { PodConsumer } from './replication/pod-consumer.ts';
import { serve } from './replication/requests.ts';
import { StreamUnavailableError } from './replication/stream.ts';
import { RunningFullCopy } from './start-full-copy.ts';
import { readPodId } from './storage/pod-id.ts';
import type { Home } from './workspace/home/home.ts';
import { RemoteHome } from './workspace/home/remote-home.ts';
import type { Replication } from './workspace/replica/replica.ts';
import { StreamComparison } from './workspace/replica/stream-comparison.ts';
import { UnpublishedBudget } from './workspace/replica/unpublished-budget.ts';
import { answerRegion } from './workspaces/home-service.ts';
import type { Replicas } from './workspaces/replicas.ts';
import type { Workspaces } from './workspaces/workspaces.ts';

/** So often it is checked whether the stream still has what it had. */
const CHECK_MS = 15_000;
const RETRY_MS = 1000;
/** So often objects that no message names any more are looked for. */
const SWEEP_MS = 3_600_000;
/** A younger object may belong to a message that is about to be published. */
const PAYLOAD_AGE_MS = 600_000;
const COPYING = 'copying: another pod is giving this one all that there is';

interface Parts {
  readonly config: Config;
  readonly metrics: () => Metrics;
  readonly logger: Logger;
  /** Undefined until they are there. */
  readonly replicas: () => Replicas | undefined;
}

/** What connects a pod with the others of its cluster. */
export interface RunningReplication {
  readonly replication: Replication;
  readonly nats: NatsClient;
  /** Another region that gives workspaces their order. */
  readonly home: Home | undefined;
  /** Carries what pods tell each other of who is where. */
  readonly presenceBus: NatsBus;
  /** Carries what clients of automerge-repo say in passing. */
  readonly ephemeralBus: NatsBus;
  /** Why the stream cannot be used now; undefined where it can. */
  readonly problem: () => string | undefined;
  /** Why the stream can be used and does not take everything; undefined where it does. */
  readonly refusal: () => string | undefined;
  /** The id of the pod's consumer; undefined where it has none: with the retention `limits`. */
  readonly podId: string | undefined;
  /** The workspaces are there: from now on they are kept up to date. */
  readonly begin: (workspaces: Workspaces) => void;
  readonly close: () => Promise<void>;
}

/** Connects to NATS, now or as soon as it is there; undefined where the pod stands alone. @throws NatsCredentialsError */
export async function startReplication({
  config,
  metrics,
  logger,
  replicas,
}: Parts): Promise<RunningReplication | undefined> {
  const { natsUrls, cluster, homeRegion } = config;
  if (natsUrls === undefined) return undefined;
  // Before the connection: whoever observes that must not wait, or misses it.
  const consumer =
    config.streamRetention === 'interest'
      ? new PodConsumer({
          cluster,
          podId: await readPodId(config.dataDirs[0] ?? '.'),
          maxAgeSeconds: config.streamMaxAgeSeconds,
        })
      : undefined;
  const nats = new NatsClient(
    await natsConnector({
      urls: natsUrls,
      name: `etherply ${cluster}`,
      user: config.natsUser,
      password: config.natsPassword,
      token: config.natsToken,
      nkeyFile: config.natsNkeyFile,
      credsFile: config.natsCredsFile,
      tlsCa: config.natsTlsCa,
      tlsCert: config.natsTlsCert,
      tlsKey: config.natsTlsKey,
    }),
  );
  /** Until it could be finished, or the stream is away: then it is done when that is back. */
  const upToDate = async (work: (all: Replicas) => Promise<void>) => {
    for (let all = replicas(); all !== undefined && stream.isConnected; all = replicas()) {
      try {
        return await work(all);
      } catch (error) {
        if (!(error instanceof StreamUnavailableError)) {
          logger.error({ err: error }, 'the stream cannot be followed');
          return;
        }
        logger.debug({ reason: error.message }, 'the stream does not answer');
      }
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS * (0.5 + Math.random())).unref());
    }
  };
  const comparison = new StreamComparison();
  let fullCopy: RunningFullCopy | undefined;
  const connected = () => {
    void upToDate(async (all) => {
      const { session } = comparison;
      await all.connected();
      if (session === comparison.session) fullCopy?.start();
    });
  };
  const stream = new JetStream(
    nats,
    {
      cluster,
      replicas: config.streamReplicas,
      retention: config.streamRetention,
      maxAgeSeconds: config.streamMaxAgeSeconds,
      maxBytes: config.streamMaxBytes,
      duplicateSeconds: config.streamDuplicateSeconds,
      regions: config.regions,
      isManaged: config.manageStream,
    },
    {
      connected: () => {
        logger.info({ cluster }, 'the stream can be reached');
        connected();
      },
      disconnected: (reason) => {
        logger.warn({ cluster, reason }, 'the stream cannot be reached');
        replicas()?.interrupted();
        fullCopy?.stop();
      },
    },
    consumer,
  );
  const timer = setInterval(() => {
    if (stream.isConnected) void upToDate((all) => all.checkStream());
  }, CHECK_MS);
  timer.unref();
  const sweeper = setInterval(
    () => {
      stream.sweepPayloads(Date.now() - PAYLOAD_AGE_MS).catch((error: unknown) => {
        if (!(error instanceof StreamUnavailableError)) logger.error({ err: error }, 'objects cannot be swept');
      });
    },
    SWEEP_MS * (0.5 + Math.random()), // not all pods at once
  );
  sweeper.unref();
  return {
    replication: {
      stream,
      facts: () => stream.facts(),
      tellLoss: () => stream.tellLoss(),
      budget: new UnpublishedBudget(config.maxUnpublishedBytes),
      ack: config.ack,
      comparison,
      lacks: () => (consumer?.isComplete === false ? COPYING : undefined),
      observer: {
        received: (bytes) => {
          metrics().replicated.inc();
          metrics().replicatedBytes.inc(bytes);
        },
        gap: () => metrics().streamGaps.inc(),
        rolledUp: () => metrics().rollups.inc(),
        recovered: () => metrics().recoveries.inc(),
      },
    },
    nats,
    home: homeRegion === cluster ? undefined : new RemoteHome(nats, homeSubjectOf(homeRegion)),
    ephemeralBus: new NatsBus(nats, (workspace) => ephemeralSubjectOf(cluster, workspace)),
    presenceBus: new NatsBus(nats, (workspace) => presenceSubjectOf(cluster, workspace)),
    problem: () => stream.problem,
    refusal: () => stream.refusal,
    podId: consumer?.podId,
    begin: (all) => {
      const failed = (error: unknown) => logger.error({ err: error }, 'another region was not answered');
      serve(nats, homeSubjectOf(cluster), (bytes) => answerRegion(bytes, all), failed);
      if (all.replicas === undefined) throw new Error('these workspaces are not replicated');
      if (consumer !== undefined) {
        fullCopy = new RunningFullCopy({ cluster, nats, stream, consumer, replicas: all.replicas, logger });
      }
      if (stream.isConnected) connected();
    },
    close: async () => {
      clearInterval(timer);
      clearInterval(sweeper);
      fullCopy?.close();
      stream.close();
      await nats.close();
    },
  };
}
