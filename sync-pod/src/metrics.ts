import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** Everything that `/metrics` shows. Names follow the Prometheus conventions: base units, counters end in `_total`. */
export function createMetrics(gauges: {
  connections: () => number;
  pendingBytes: () => number;
  documentBytes: () => number;
  webhooksQueued: () => number;
  workspacesOpen: () => number;
  workspacesQuarantined: () => number;
  unpublishedBytes: () => number;
  unpublishedRecords: () => number;
  streamConnected: () => boolean;
  opsPerSecond: () => number;
}) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  new Gauge({
    name: 'etherply_connections',
    help: 'Open WebSocket connections.',
    registers,
    collect() {
      this.set(gauges.connections());
    },
  });
  new Gauge({
    name: 'etherply_pending_bytes',
    help: 'Bytes buffered towards clients.',
    registers,
    collect() {
      this.set(gauges.pendingBytes());
    },
  });
  new Gauge({
    name: 'etherply_workspaces_open',
    help: 'Workspaces held in memory.',
    registers,
    collect() {
      this.set(gauges.workspacesOpen());
    },
  });
  new Gauge({
    name: 'etherply_quarantined_workspaces',
    help: 'Workspaces that cannot be read and are kept apart.',
    registers,
    collect() {
      this.set(gauges.workspacesQuarantined());
    },
  });
  new Gauge({
    name: 'etherply_document_bytes',
    help: 'Bytes that whole Automerge documents take in memory, about.',
    registers,
    collect() {
      this.set(gauges.documentBytes());
    },
  });
  new Gauge({
    name: 'etherply_webhooks_queued',
    help: 'Events that wait to be delivered.',
    registers,
    collect() {
      this.set(gauges.webhooksQueued());
    },
  });
  new Gauge({
    name: 'etherply_stream_connected',
    help: 'Whether the stream of the cluster can be reached: 1, or 0. 0 as well where the pod stands alone.',
    registers,
    collect() {
      this.set(gauges.streamConnected() ? 1 : 0);
    },
  });
  new Gauge({
    name: 'etherply_ops_per_second',
    help: 'Ops received a second, over the last 15 s.',
    registers,
    collect() {
      this.set(gauges.opsPerSecond());
    },
  });
  new Gauge({
    name: 'etherply_unpublished_bytes',
    help: 'Bytes of records that the stream does not have yet.',
    registers,
    collect() {
      this.set(gauges.unpublishedBytes());
    },
  });
  new Gauge({
    name: 'etherply_unpublished_records',
    help: 'Records that the stream does not have yet.',
    registers,
    collect() {
      this.set(gauges.unpublishedRecords());
    },
  });
  const metrics = {
    registry,
    ops: new Counter({ name: 'etherply_ops_total', help: 'Ops received.', registers }),
    acks: new Counter({ name: 'etherply_acks_total', help: 'Ops acked.', labelNames: ['durability'], registers }),
    rejected: new Counter({
      name: 'etherply_rejected_total',
      help: 'Messages and connections refused.',
      labelNames: ['reason'],
      registers,
    }),
    connectionsRefused: new Counter({
      name: 'etherply_connections_refused_total',
      help: 'Connections refused because of a limit: of the pod, the workspace or the address.',
      labelNames: ['limit'],
      registers,
    }),
    webhooks: new Counter({
      name: 'etherply_webhooks_total',
      help: 'Webhook events: delivered, retried, failed (given up), dropped (too many wait).',
      labelNames: ['type', 'outcome'],
      registers,
    }),
    bytesIn: new Counter({ name: 'etherply_received_bytes_total', help: 'Bytes of frames received.', registers }),
    bytesOut: new Counter({
      name: 'etherply_sent_bytes_total',
      help: 'Bytes of frames sent; a broadcast counts once.',
      registers,
    }),
    commitSeconds: new Histogram({
      name: 'etherply_commit_seconds',
      help: 'From the start of a commit until it is synced.',
      buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5],
      registers,
    }),
    replicated: new Counter({
      name: 'etherply_replicated_messages_total',
      help: 'Messages of other pods that were taken in.',
      registers,
    }),
    replicatedBytes: new Counter({
      name: 'etherply_replicated_bytes_total',
      help: 'Bytes of the messages of other pods that were taken in.',
      registers,
    }),
    streamGaps: new Counter({
      name: 'etherply_stream_gaps_total',
      help: 'Messages that were found missing, and read from the stream.',
      registers,
    }),
    rollups: new Counter({
      name: 'etherply_rollups_total',
      help: 'Messages of a workspace in the stream replaced by its state.',
      registers,
    }),
    recoveries: new Counter({
      name: 'etherply_stream_recoveries_total',
      help: 'Workspaces published again because the stream lacked something of them.',
      registers,
    }),
    compactions: new Counter({ name: 'etherply_compactions_total', help: 'Logs replaced by snapshots.', registers }),
    commitRecords: new Histogram({
      name: 'etherply_commit_records',
      help: 'Records (one a workspace) in a commit.',
      buckets: [1, 2, 5, 10, 20, 50, 100, 500],
      registers,
    }),
  };
  return {
    ...metrics,
    /** The counters that `/v1/stats` shows, over all labels. */
    async totals() {
      const { ops, acks, rejected, bytesIn, bytesOut } = metrics;
      return {
        ops: await total(ops),
        acks: await total(acks),
        rejected: await total(rejected),
        received_bytes: await total(bytesIn),
        sent_bytes: await total(bytesOut),
      };
    },
  };
}
export type Metrics = ReturnType<typeof createMetrics>;

async function total(counter: { get(): Promise<{ values: readonly { value: number }[] }> }): Promise<number> {
  return (await counter.get()).values.reduce((sum, { value }) => sum + value, 0);
}
