import { bytesOf } from '../../api/quantity.ts';

const PASSWORD_VARIABLE = 'NATS_PASSWORD_QUOTED';
const ROUTE_VARIABLE = 'NATS_ROUTE_';

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
  /** How many there are. */
  readonly count: number;
  readonly syncAlways: boolean;
}

/**
 * What the configuration takes from the environment of a server, where passwords may be. Quoted, a value is a text, whatever
 * is in it.
 * @param routes host and port of all servers for each other
 * @param password goes into URLs as it is
 */
export function natsVariables(user: string, password: string, routes: readonly string[]): Record<string, string> {
  const urls = routes.map((route, index) => [
    `${ROUTE_VARIABLE}${index}`,
    `"nats-route://${user}:${password}@${route}"`,
  ]);
  return { [PASSWORD_VARIABLE]: `"${password}"`, ...(routes.length > 1 ? Object.fromEntries(urls) : {}) };
}

/** The configuration of managed NATS servers: https://docs.nats.io/running-a-nats-service/configuration */
export function natsConfig(servers: NatsServers): string {
  const { listen, storeDirectory, size, syncAlways, count } = servers;
  const account = [`user: ${servers.user}`, `password: $${PASSWORD_VARIABLE}`];
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
    ...(count === 1
      ? []
      : block('cluster', [
          `name: ${servers.name}`,
          `listen: "${listen.routes}"`,
          ...block('authorization', account),
          `routes: [${Array.from({ length: count }, (_, one) => `$${ROUTE_VARIABLE}${one}`).join(', ')}]`,
        ])),
    '',
  ].join('\n');
}

function block(name: string, lines: readonly string[]): string[] {
  return [`${name} {`, ...lines.map((line) => `  ${line}`), '}'];
}
