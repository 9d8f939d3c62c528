import { z } from 'zod';

const flag = z.enum(['true', 'false']).transform((text) => text === 'true');
const port = z.coerce.number().int().min(0).max(65_535);
const names = z.string().transform((text) => text.split(',').flatMap((name) => name.trim() || []));

/** The environment variables of the operator. */
const variables = z
  .object({
    /** Namespaces whose clusters are kept, separated by commas. Unset: all. */
    ETHERPLY_WATCH_NAMESPACES: names.optional(),
    /** Name of this pod: who holds the lease. */
    POD_NAME: z.string().min(1),
    /** Namespace of this pod: where the lease is, and from where sync pods may be reached. */
    POD_NAMESPACE: z.string().min(1),
    /** DNS domain of the Kubernetes cluster. */
    ETHERPLY_CLUSTER_DOMAIN: z.string().min(1).default('cluster.local'),
    /** Address to listen on. */
    ETHERPLY_HOST: z.string().min(1).default('0.0.0.0'),
    /** Port of /healthz, /readyz and /metrics. */
    PORT: port.default(8081),
    /** Clusters that are worked on at once. */
    ETHERPLY_CONCURRENCY: z.coerce.number().int().min(1).max(64).default(8),
    /** Seconds after which is looked at again what nobody tells of: Secrets, streams, and kinds that are not installed. */
    ETHERPLY_RESYNC_SECONDS: z.coerce.number().min(1).max(3600).default(30),
    /** Whether the operator serves custom.metrics.k8s.io. */
    ETHERPLY_METRICS_API: flag.default(false),
    ETHERPLY_METRICS_API_PORT: port.default(8443),
    /** Files with the certificate and key of that API, in PEM. */
    ETHERPLY_METRICS_API_CERT: z.string().min(1).optional(),
    ETHERPLY_METRICS_API_KEY: z.string().min(1).optional(),
    ETHERPLY_LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  })
  .refine((all) => !all.ETHERPLY_METRICS_API || (all.ETHERPLY_METRICS_API_CERT && all.ETHERPLY_METRICS_API_KEY), {
    message: 'ETHERPLY_METRICS_API needs ETHERPLY_METRICS_API_CERT and ETHERPLY_METRICS_API_KEY',
  });

/** What the operator is told at its start. */
export type Config = z.infer<typeof variables>;

/** A variable is missing or wrong; the message is for whoever runs the operator, and has a line for each. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

/**
 * Reads the environment; an empty variable counts as unset.
 * @throws ConfigError
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(Object.entries(env).filter(([, text]) => text !== undefined && text !== ''));
  const { success, data, error } = variables.safeParse(given);
  if (success) return data;
  throw new ConfigError(error.issues.map(({ path, message }) => [...path, message].join(': ')).join('\n'));
}
