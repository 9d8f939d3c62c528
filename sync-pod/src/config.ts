import { resolve } from 'node:path';
import { z } from 'zod';
import type { Scope } from './auth/access.ts';

/** What the operator reads about one variable. */
interface Documentation {
  /** The text used where the variable is unset or empty; undefined means the feature is off. */
  readonly default: string | undefined;
  /** What it does, with its unit and range. */
  readonly description: string;
  /** Values that must not appear in messages. */
  readonly secret?: boolean;
}

const documentation = z.registry<Documentation>();

function optional<T>(schema: z.ZodType<T, string>, description: string, secret = false) {
  return schema.optional().register(documentation, { default: undefined, description, secret });
}

function defaulted<T>(schema: z.ZodType<T, string>, text: string, description: string) {
  return schema.prefault(text).register(documentation, { default: text, description });
}

const text = z.string().trim().min(1, 'set some text, or leave it unset');

function integer(min: number, max: number) {
  return z
    .string()
    .trim()
    .refine((value) => /^\d{1,15}$/.test(value) && Number(value) >= min && Number(value) <= max, {
      error: `set a whole number from ${min} to ${max}`,
    })
    .transform(Number);
}

/** An integer whose range is part of its description. */
function counted(unit: string, min: number, max: number, preset: number, description: string) {
  return defaulted(integer(min, max), String(preset), `${description} In ${unit}, ${min} to ${max}.`);
}

const boolean = z
  .enum(['true', 'false', '1', '0'], { error: 'set true or false' })
  .transform((value) => value === 'true' || value === '1');

function choice<const T extends string>(values: readonly T[], error: string) {
  return z.enum(values, { error });
}

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

const jwtSecret = z
  .string()
  .refine((value) => Buffer.byteLength(value) >= 16, { error: 'set a secret of at least 16 bytes', abort: true })
  // A public key is no secret: whoever has it could sign tokens.
  .refine((value) => !value.includes('-----BEGIN'), {
    error: 'set a random secret, not a PEM key; publish public keys through ETHERPLY_JWKS_URL',
  });

const jwksUrl = z
  .string()
  .trim()
  .refine(
    (value) => {
      if (!URL.canParse(value)) return false;
      const url = new URL(value);
      return /^https?:$/.test(url.protocol) && url.username === '' && url.password === '';
    },
    { error: 'set an http or https URL without user name and password' },
  );

const scopeList = z
  .string()
  .transform((value) => value.split(/[\s,]+/).filter((name) => name !== ''))
  .pipe(z.array(choice<Scope>(['read', 'write', 'admin'], 'list only read, write and admin')))
  .transform((scopes) => [...new Set(scopes)]);

const directoryList = z
  .string()
  .transform((value) => value.split(',').map((directory) => directory.trim()))
  .pipe(z.array(z.string().min(1, 'list directories separated by single commas, none of them empty')))
  .refine((list) => new Set(list.map((directory) => resolve(directory))).size === list.length, {
    error: 'list each directory once; two shards cannot share one',
  });

const shape = {
  ETHERPLY_JWT_SECRET: optional(
    jwtSecret,
    'Shared secret for tokens signed with HS256, HS384 or HS512. At least 16 bytes. ' +
      'This or `ETHERPLY_JWKS_URL` is required, except in development mode; both may be set.',
    true,
  ),
  ETHERPLY_JWKS_URL: optional(
    jwksUrl,
    'URL (http or https) of the JSON Web Key Set for tokens signed with RS, PS, ES (256, 384, 512) or EdDSA.',
    true,
  ),
  ETHERPLY_JWT_ISSUER: optional(text, 'The `iss` every token must carry; not checked if unset.'),
  ETHERPLY_JWT_AUDIENCE: optional(text, 'The `aud` every token must carry; not checked if unset.'),
  ETHERPLY_DEFAULT_SCOPES: defaulted(
    scopeList,
    '',
    'Scopes of a token that has no scopes claim: any of read, write, admin, separated by commas or spaces.',
  ),
  ETHERPLY_REQUIRE_WORKSPACE_CLAIM: defaulted(
    boolean,
    'false',
    'true or false. Whether tokens without a `workspaces` claim are refused; otherwise they open every workspace.',
  ),
  ETHERPLY_SYNC_STRATEGY: defaulted(
    choice(['automerge'], 'set automerge, the only strategy of this version'),
    'automerge',
    'How concurrent changes merge. Only automerge in this version.',
  ),
  ETHERPLY_DATA_DIRS: defaulted(
    directoryList,
    './data',
    'Directories separated by commas; each holds one RocksDB shard.',
  ),
  ETHERPLY_ACK: defaulted(
    choice(['local'], "set local; 'replicated' needs NATS, which this version lacks"),
    'local',
    'When an op is acknowledged. Only local in this version: once it is durable on this pod.',
  ),
  ETHERPLY_MAX_MESSAGE_BYTES: counted('bytes', 1024, 16_777_216, 1_048_576, 'Largest message taken from a client.'),
  ETHERPLY_MAX_PENDING_BYTES: counted(
    'bytes',
    1024,
    1_073_741_824,
    8_388_608,
    'Most that is buffered towards one client before its socket closes with 4408.',
  ),
  ETHERPLY_MAX_CONNECTIONS: counted('sockets', 1, 1_000_000, 20_000, 'Most sockets open at once; more get a 503.'),
  ETHERPLY_WORKSPACE_IDLE_SECONDS: counted(
    'seconds',
    0,
    86_400,
    60,
    'How long a workspace stays in memory after its last client left.',
  ),
  ETHERPLY_COMPACT_FROM_BYTES: counted(
    'bytes',
    4096,
    1 << 30,
    512 * 1024,
    'Log of a workspace from which on it is replaced by a snapshot, in the background; a large workspace waits for half its size.',
  ),
  ETHERPLY_WRITE_BUFFER_BYTES: counted(
    'bytes',
    64 * 1024,
    1 << 30,
    64 << 20,
    'What a shard gathers in memory and in one log file before RocksDB writes it to a table; a shard uses up to twice as much.',
  ),
  ETHERPLY_PING_SECONDS: counted(
    'seconds',
    8,
    960,
    30,
    'Idle timeout of a socket, doubled internally: after about this long in silence a client is pinged.',
  ),
  ETHERPLY_HOST: defaulted(text, '0.0.0.0', 'Address to listen on.'),
  PORT: defaulted(integer(0, 65_535), '8080', 'TCP port to listen on, 0 to 65535; 0 picks a free one.'),
  SHUTDOWN_TIMEOUT_SECONDS: counted('seconds', 0, 3600, 20, 'How long a shutdown may take to drain connections.'),
  ETHERPLY_LOG_LEVEL: defaulted(
    choice(logLevels, `set one of ${logLevels.join(', ')}`),
    'info',
    `Least severe level logged: ${logLevels.join(', ')}.`,
  ),
  ETHERPLY_DEV: defaulted(boolean, 'false', 'true or false. Development mode, which makes its own token secret.'),
};

/** One environment variable: how it is read and what the documentation says about it. */
export interface ConfigVariable extends Documentation {
  readonly name: string;
  readonly schema: z.ZodType;
}

/** Every environment variable the pod reads, in the order of the documentation. */
export const configVariables: readonly ConfigVariable[] = Object.entries(shape).map(([name, schema]) => {
  const documented = documentation.get(schema);
  if (!documented) throw new Error(`${name} is not documented`);
  return { name, schema, ...documented };
});

/** The pod's settings, checked. */
export interface Config {
  readonly jwtSecret?: string | undefined;
  readonly jwksUrl?: string | undefined;
  readonly jwtIssuer?: string | undefined;
  readonly jwtAudience?: string | undefined;
  readonly defaultScopes: readonly Scope[];
  readonly requireWorkspaceClaim: boolean;
  readonly syncStrategy: 'automerge';
  readonly dataDirs: readonly string[];
  readonly ack: 'local';
  readonly maxMessageBytes: number;
  readonly maxPendingBytes: number;
  readonly maxConnections: number;
  readonly workspaceIdleSeconds: number;
  readonly compactFromBytes: number;
  readonly writeBufferBytes: number;
  readonly pingSeconds: number;
  readonly host: string;
  readonly port: number;
  readonly shutdownTimeoutSeconds: number;
  readonly logLevel: (typeof logLevels)[number];
  readonly dev: boolean;
}

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
  const given = Object.fromEntries(configVariables.flatMap(({ name }) => (env[name] ? [[name, env[name]]] : [])));
  const parsed = z.object(shape).safeParse(given);
  const problems = new Map<string, string>();
  for (const { path, message } of parsed.error?.issues ?? []) {
    const name = String(path[0]);
    const secret = configVariables.find((variable) => variable.name === name)?.secret;
    const got = secret ? '' : ` (it is ${JSON.stringify(given[name])})`;
    // The first problem of a variable is the one to solve first.
    if (!problems.has(name)) problems.set(name, `${name}: ${message}${got}`);
  }
  const dev = boolean.safeParse(given.ETHERPLY_DEV).data ?? false;
  if (!given.ETHERPLY_JWT_SECRET && !given.ETHERPLY_JWKS_URL && !dev) {
    const advice = 'set ETHERPLY_JWT_SECRET or ETHERPLY_JWKS_URL, or use `make run` for development';
    problems.set('ETHERPLY_JWT_SECRET', `ETHERPLY_JWT_SECRET: ${advice}`);
  }
  if (!parsed.success || problems.size > 0) throw new ConfigError([...problems.values()]);
  const values = parsed.data;
  return Object.freeze({
    jwtSecret: values.ETHERPLY_JWT_SECRET,
    jwksUrl: values.ETHERPLY_JWKS_URL,
    jwtIssuer: values.ETHERPLY_JWT_ISSUER,
    jwtAudience: values.ETHERPLY_JWT_AUDIENCE,
    defaultScopes: values.ETHERPLY_DEFAULT_SCOPES,
    requireWorkspaceClaim: values.ETHERPLY_REQUIRE_WORKSPACE_CLAIM,
    syncStrategy: values.ETHERPLY_SYNC_STRATEGY,
    dataDirs: values.ETHERPLY_DATA_DIRS,
    ack: values.ETHERPLY_ACK,
    maxMessageBytes: values.ETHERPLY_MAX_MESSAGE_BYTES,
    maxPendingBytes: values.ETHERPLY_MAX_PENDING_BYTES,
    maxConnections: values.ETHERPLY_MAX_CONNECTIONS,
    workspaceIdleSeconds: values.ETHERPLY_WORKSPACE_IDLE_SECONDS,
    compactFromBytes: values.ETHERPLY_COMPACT_FROM_BYTES,
    writeBufferBytes: values.ETHERPLY_WRITE_BUFFER_BYTES,
    pingSeconds: values.ETHERPLY_PING_SECONDS,
    host: values.ETHERPLY_HOST,
    port: values.PORT,
    shutdownTimeoutSeconds: values.SHUTDOWN_TIMEOUT_SECONDS,
    logLevel: values.ETHERPLY_LOG_LEVEL,
    dev: values.ETHERPLY_DEV,
  });
}
