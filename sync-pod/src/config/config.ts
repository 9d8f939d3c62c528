import { z } from 'zod';
import { natsProblems } from './nats-checks.ts';
import { registry, type Variable } from './variable.ts';
import { variables } from './variables.ts';

const schema = z.object(variables);

type Settings = z.output<typeof schema>;

/** Settings whose default depends on others. */
interface Derived {
  readonly ack: NonNullable<Settings['ack']>;
  readonly homeRegion: string;
}

/** The pod's settings, checked. */
export type Config = Readonly<Settings & Derived>;

/** Every environment variable the pod reads, with the name of its setting, in the order of the documentation. */
export const configVariables: readonly (Variable & { readonly setting: string })[] = Object.entries(variables).map(
  ([setting, one]) => {
    const variable = registry.get(one);
    if (variable === undefined) throw new Error(`${setting} is no variable`);
    return { setting, ...variable };
  },
);

/** Settings that cannot be used; the message has one line per problem. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  /** One line per wrong variable, each saying what to do. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(problems.join('\n'));
    this.problems = problems;
  }
}

/** Reads the settings; an empty variable counts as unset. Throws {@link ConfigError} listing everything wrong at once. */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const given = Object.fromEntries(
    configVariables.flatMap(({ setting, name }) => (env[name] ? [[setting, env[name]]] : [])),
  );
  const parsed = schema.safeParse(given);
  const problems = new Map<string, string>();
  for (const { path, message } of parsed.error?.issues ?? []) {
    const setting = String(path[0]);
    const variable = configVariables.find((one) => one.setting === setting);
    const got = variable?.secret ? '' : ` (it is ${JSON.stringify(given[setting])})`;
    // The first problem of a variable is the one to solve first.
    if (!problems.has(setting)) problems.set(setting, `${variable?.name}: ${message}${got}`);
  }
  for (const [setting, problem] of missing(given)) problems.set(setting, problem);
  if (!parsed.success || problems.size > 0) throw new ConfigError([...problems.values()]);
  return Object.freeze({ ...parsed.data, ...derive(parsed.data) });
}

function derive({ ack, natsUrls, homeRegion, cluster }: Settings): Derived {
  return {
    ack: ack ?? (natsUrls === undefined ? 'local' : 'replicated'),
    homeRegion: homeRegion ?? cluster,
  };
}

/** What is needed because of what is given, or not. */
function* missing(given: Readonly<Record<string, string | undefined>>): Iterable<[setting: string, problem: string]> {
  const dev = variables.dev.safeParse(given.dev).data ?? false;
  if (!given.jwtSecret && !given.jwksUrl && !dev) {
    const advice = 'set ETHERPLY_JWT_SECRET or ETHERPLY_JWKS_URL, or use `make run` for development';
    yield ['jwtSecret', `ETHERPLY_JWT_SECRET: ${advice}`];
  }
  if (given.webhookUrl && !given.webhookSecret) {
    yield ['webhookSecret', 'ETHERPLY_WEBHOOK_SECRET: set the secret that webhooks are signed with'];
  }
  if (Boolean(given.tlsCert) !== Boolean(given.tlsKey)) {
    yield ['tlsCert', 'ETHERPLY_TLS_CERT: set it and ETHERPLY_TLS_KEY, or neither'];
  }
  yield* natsProblems(given);
}
