import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Condition } from './api/cluster.ts';
import type { RequestReport } from './runtime/kube-client.ts';
import type { Handled } from './runtime/work-queue.ts';

interface Gauges {
  /** How many clusters wait for their turn. */
  readonly queueDepth: () => number;
  readonly isLeader: () => boolean;
  /** The conditions of each cluster. */
  readonly clusters: () => Iterable<readonly Pick<Condition, 'type' | 'status'>[]>;
}

const RECONCILE_SECONDS = [0.01, 0.05, 0.1, 0.5, 1, 5, 15, 60];
const REQUEST_SECONDS = [0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30];

/** Everything that `/metrics` of the operator shows. */
export function createMetrics({ queueDepth, isLeader, clusters }: Gauges) {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const reconciles = new Counter({
    name: 'etherply_operator_reconciles_total',
    help: 'Times that a cluster was looked at and acted upon, by result: ok or error.',
    labelNames: ['result'],
    registers,
  });
  for (const result of ['ok', 'error']) reconciles.inc({ result }, 0);
  const seconds = new Histogram({
    name: 'etherply_operator_reconcile_seconds',
    help: 'How long that took.',
    buckets: RECONCILE_SECONDS,
    registers,
  });
  const waited = new Histogram({
    name: 'etherply_operator_queue_wait_seconds',
    help: 'How long a cluster waited for its turn.',
    buckets: RECONCILE_SECONDS,
    registers,
  });
  const requests = new Counter({
    name: 'etherply_operator_api_requests_total',
    help: 'Requests to the Kubernetes API server, by HTTP status: 0 where there was no answer.',
    labelNames: ['method', 'resource', 'code'],
    registers,
  });
  const requestSeconds = new Histogram({
    name: 'etherply_operator_api_request_seconds',
    help: 'How long the Kubernetes API server took to answer.',
    labelNames: ['method'],
    buckets: REQUEST_SECONDS,
    registers,
  });
  new Gauge({
    name: 'etherply_operator_queue_depth',
    help: 'Clusters that wait for their turn.',
    registers,
    collect() {
      this.set(queueDepth());
    },
  });
  new Gauge({
    name: 'etherply_operator_leader',
    help: 'Whether this operator is the one that acts: 1, or 0.',
    registers,
    collect() {
      this.set(isLeader() ? 1 : 0);
    },
  });
  new Gauge({
    name: 'etherply_operator_clusters',
    help: 'Clusters, by the status of each of their conditions.',
    labelNames: ['condition', 'status'],
    registers,
    collect() {
      this.reset();
      for (const conditions of clusters()) {
        for (const { type, status } of conditions) this.inc({ condition: type, status });
      }
    },
  });
  return {
    registry,
    /** A cluster was handled. */
    handled: ({ seconds: took, waitedSeconds, failure }: Handled<string>) => {
      reconciles.inc({ result: failure === undefined ? 'ok' : 'error' });
      seconds.observe(took);
      waited.observe(waitedSeconds);
    },
    /** The API server was asked for something. */
    requested: ({ method, resource, status, seconds: took }: RequestReport) => {
      requests.inc({ method, resource, code: status });
      requestSeconds.observe({ method }, took);
    },
  };
}
