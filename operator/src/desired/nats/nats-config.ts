import { bytesOf } from '../../api/quantity.ts';

/** What the configuration of a managed server takes from its environment: its quoted form is a text, whatever is in it. */
export const NATS_PASSWORD_VARIABLE = 'NATS_PASSWORD_QUOTED';

/** The rest of a volume is for what JetStream writes besides messages. */
const STORE_SHARE = 0.9;

export interface NatsServers {
  /** Name of what they are together. */
  readonly name: string;
  readonly user: string;
  /** Addresses to bind to, with ports. */
  readonly listen: { readonly clients: string; readonly monitoring: string; readonly routes: string };
  /** Where files go, and the file with the process id. */
  readonly storeDirectory: string;
  readonly pidFile: string;
  /** Size of the volume of each server, as a quantity. */
  readonly size: string;
  /** Host and port of the servers for each other; empty: there is only one. */
  readonly routes: readonly string[];
  readonly syncAlways: boolean;
}

/** The configuration of managed NATS servers: https://docs.nats.io/running-a-nats-service/configuration */
export function natsConfig(servers: NatsServers): string {
  const { listen, storeDirectory, size, syncAlways, routes } = servers;
  const account = [`user: ${servers.user}`, `password: $${NATS_PASSWORD_VARIABLE}`];
  return [
    `listen: "${listen.clients}"`,
    `http: "${listen.monitoring}"`,
    `pid_file: "${servers.pidFile}"`,
    'max_payload: 1MB',
    // Connections go to other servers one after another.
    'lame_duck_grace_period: 5s',
    'lame_duck_duration: 30s',
    ...block('authorization', account),
    ...block('jetstream', [
      `store_dir: "${storeDirectory}"`,
      `max_file_store: ${Math.floor(bytesOf(size) * STORE_SHARE)}`,
      'max_memory_store: 64MB',
      ...(syncAlways ? ['sync_interval: always'] : []),
    ]),
    ...(routes.length === 0
      ? []
      : block('cluster', [
          `name: ${servers.name}`,
          `listen: "${listen.routes}"`,
          ...block('authorization', account),
          `routes: [${routes.map((route) => `"nats-route://${route}"`).join(', ')}]`,
        ])),
    '',
  ].join('\n');
}

function block(name: string, lines: readonly string[]): string[] {
  return [`${name} {`, ...lines.map((line) => `  ${line}`), '}'];
}
