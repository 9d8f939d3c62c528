import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { ConfigError, configVariables, loadConfig } from '../src/config/config.ts';
import { renderConfigurationDoc } from '../src/config/config-doc.ts';

const secret = 'sixteen bytes ok';
const valid = { ETHERPLY_JWT_SECRET: secret };

function problemsOf(env: Record<string, string | undefined>): readonly string[] {
  try {
    loadConfig(env);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

test('docs/configuration.md is what the schema says', () => {
  const written = readFileSync(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
  expect(written).toBe(renderConfigurationDoc());
  for (const { name } of configVariables) expect(written).toContain(`| \`${name}\` |`);
});

test('defaults; empty variables count as unset', () => {
  const empty = Object.fromEntries(configVariables.map(({ name }) => [name, '']));
  const expected = {
    jwtSecret: secret,
    defaultScopes: [],
    repoSync: false,
    requireWorkspaceClaim: false,
    syncStrategy: 'automerge',
    dataDirs: ['./data'],
    ack: 'local',
    cluster: 'etherply',
    streamReplicas: 1,
    streamRetention: 'limits',
    streamMaxAgeSeconds: Number.POSITIVE_INFINITY,
    streamMaxBytes: Number.POSITIVE_INFINITY,
    streamDuplicateSeconds: 120,
    maxUnpublishedBytes: 67108864,
    regions: [],
    homeRegion: 'etherply',
    maxMessageBytes: 1048576,
    maxPendingBytes: 8388608,
    maxConnections: 20000,
    maxConnectionsPerWorkspace: 5000,
    maxConnectionsPerAddress: Number.POSITIVE_INFINITY,
    trustProxy: false,
    maxOpsPerSecond: 5000,
    maxWorkspaceOpsPerSecond: 20000,
    maxWorkspaceKeys: 1000000,
    maxWorkspaceBytes: 268435456,
    maxPresenceBytes: 4096,
    tombstoneSeconds: 604800,
    usageFlushSeconds: 10,
    webhookMaxQueued: 10000,
    maxIdleBytes: 268435456,
    documentCacheBytes: 268435456,
    workspaceIdleSeconds: 60,
    compactFromBytes: 524288,
    writeBufferBytes: 67108864,
    pingSeconds: 30,
    host: '0.0.0.0',
    port: 8080,
    shutdownTimeoutSeconds: 20,
    logLevel: 'info',
    dev: false,
    manageStream: true,
  };
  expect(loadConfig(valid)).toEqual(expected);
  expect(loadConfig({ ...empty, ...valid })).toEqual(expected);
});

test.each<[string, string, object]>([
  ['ETHERPLY_JWKS_URL', 'https://id.example/jwks', { jwksUrl: 'https://id.example/jwks' }],
  ['ETHERPLY_JWT_ISSUER', ' me ', { jwtIssuer: 'me' }],
  ['ETHERPLY_DEFAULT_SCOPES', 'read, write read', { defaultScopes: ['read', 'write'] }],
  ['ETHERPLY_REQUIRE_WORKSPACE_CLAIM', '1', { requireWorkspaceClaim: true }],
  ['ETHERPLY_DATA_DIRS', '/a, /b', { dataDirs: ['/a', '/b'] }],
  ['ETHERPLY_NATS_URL', 'nats://a, tls://b:4222', { natsUrls: ['nats://a', 'tls://b:4222'], ack: 'replicated' }],
  ['ETHERPLY_CLUSTER', ' eu_1-b ', { cluster: 'eu_1-b', homeRegion: 'eu_1-b' }],
  ['ETHERPLY_STREAM_REPLICAS', '3', { streamReplicas: 3 }],
  ['ETHERPLY_STREAM_RETENTION', 'interest', { streamRetention: 'interest' }],
  ['ETHERPLY_STREAM_MAX_AGE_SECONDS', '3600', { streamMaxAgeSeconds: 3600 }],
  ['ETHERPLY_MAX_MESSAGE_BYTES', '16777216', { maxMessageBytes: 16777216 }],
  ['PORT', '0', { port: 0 }],
  ['ETHERPLY_DEV', 'true', { dev: true }],
])('%s=%s', (name, value, expected) => {
  expect(loadConfig({ ...valid, [name]: value })).toMatchObject(expected);
});

test.each<[string, string, RegExp]>([
  ['ETHERPLY_JWT_SECRET', 'fifteen bytes !', /at least 16 bytes/],
  ['ETHERPLY_JWT_SECRET', '-----BEGIN PUBLIC KEY-----', /not a PEM key/],
  ['ETHERPLY_JWKS_URL', 'id.example/jwks', /http or https/],
  ['ETHERPLY_JWKS_URL', 'file:///etc/jwks', /http or https/],
  ['ETHERPLY_JWKS_URL', 'https://user:pass@id.example/', /without user name/],
  ['ETHERPLY_JWT_ISSUER', '  ', /set some text/],
  ['ETHERPLY_JWT_AUDIENCE', '\t', /set some text/],
  ['ETHERPLY_DEFAULT_SCOPES', 'read,root', /read, write and admin/],
  ['ETHERPLY_REQUIRE_WORKSPACE_CLAIM', 'yes', /true or false/],
  ['ETHERPLY_SYNC_STRATEGY', 'crdt', /set one of automerge, lww, server-auth/],
  ['ETHERPLY_DATA_DIRS', './a,,./b', /none of them empty/],
  ['ETHERPLY_DATA_DIRS', './data,data', /each directory once/],
  ['ETHERPLY_ACK', 'replicated', /set ETHERPLY_NATS_URL, too, or local/],
  ['ETHERPLY_ACK', 'none', /set local or replicated/],
  ['ETHERPLY_NATS_URL', 'nats.example:4222', /nats:\/\/ or tls:\/\//],
  ['ETHERPLY_NATS_URL', 'http://nats.example', /nats:\/\/ or tls:\/\//],
  ['ETHERPLY_NATS_URL', 'nats://a,,nats://b', /none of them empty/],
  ['ETHERPLY_NATS_URL', ' ', /at least one URL/],
  ['ETHERPLY_NATS_URL', 'nats://a,wss://b', /nats:\/\/ or tls:\/\//],
  ['ETHERPLY_CLUSTER', 'eu.west', /letters, digits/],
  ['ETHERPLY_CLUSTER', 'e'.repeat(65), /1 to 64/],
  ['ETHERPLY_NATS_USER', 'u', /ETHERPLY_NATS_PASSWORD, or neither/],
  ['ETHERPLY_NATS_NKEY_FILE', ' ', /set some text/],
  ['ETHERPLY_NATS_TLS_CERT', 'c', /ETHERPLY_NATS_TLS_KEY, or neither/],
  ['ETHERPLY_STREAM_REPLICAS', '2', /set 1 or 3/],
  ['ETHERPLY_STREAM_RETENTION', 'workqueue', /set limits or interest/],
  ['ETHERPLY_STREAM_MAX_AGE_SECONDS', '-1', /whole number/],
  ['ETHERPLY_STREAM_DUPLICATE_SECONDS', '0', /1 to 86400/],
  ['ETHERPLY_MAX_UNPUBLISHED_BYTES', '64MiB', /whole number/],
  ['ETHERPLY_REGIONS', 'us', /set ETHERPLY_NATS_URL, too/],
  ['ETHERPLY_HOME_REGION', 'us', /or of one in ETHERPLY_REGIONS/],
  ['ETHERPLY_MAX_MESSAGE_BYTES', '1023', /1024 to 16777216/],
  ['ETHERPLY_MAX_MESSAGE_BYTES', '16777217', /1024 to 16777216/],
  ['ETHERPLY_MAX_PENDING_BYTES', '8MB', /whole number/],
  ['ETHERPLY_MAX_CONNECTIONS', '0', /whole number/],
  ['ETHERPLY_WORKSPACE_IDLE_SECONDS', '-1', /whole number/],
  ['ETHERPLY_PING_SECONDS', '7', /8 to 960/],
  ['ETHERPLY_PING_SECONDS', '961', /8 to 960/],
  ['ETHERPLY_HOST', ' ', /set some text/],
  ['PORT', '65536', /0 to 65535/],
  ['PORT', '1e3', /whole number/],
  ['SHUTDOWN_TIMEOUT_SECONDS', '1.5', /whole number/],
  ['ETHERPLY_LOG_LEVEL', 'verbose', /trace, debug/],
  ['ETHERPLY_DEV', 'on', /true or false/],
])('%s=%j is refused', (name, value, message) => {
  const problems = problemsOf({ ...valid, [name]: value });
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatch(message);
  expect(problems[0]?.startsWith(`${name}: `)).toBe(true);
});

describe('a cluster', () => {
  const nats = { ...valid, ETHERPLY_NATS_URL: 'nats://127.0.0.1' };

  test('acks as it is told to', () => {
    expect(loadConfig({ ...nats, ETHERPLY_ACK: 'local' }).ack).toBe('local');
    expect(loadConfig({ ...nats, ETHERPLY_ACK: 'replicated' }).ack).toBe('replicated');
  });

  test('knows other regions, and which one is the home of server-auth workspaces', () => {
    const regions = { ...nats, ETHERPLY_CLUSTER: 'eu', ETHERPLY_REGIONS: 'us, asia = hub' };
    expect(loadConfig({ ...regions, ETHERPLY_HOME_REGION: 'us' })).toMatchObject({
      regions: [{ name: 'us' }, { name: 'asia', domain: 'hub' }],
      homeRegion: 'us',
    });
    expect(loadConfig(regions).homeRegion).toBe('eu');
  });

  test('logs in to NATS in one way', () => {
    const login = { ...nats, ETHERPLY_NATS_USER: 'u', ETHERPLY_NATS_PASSWORD: 'p' };
    expect(loadConfig(login)).toMatchObject({ natsUser: 'u', natsPassword: 'p' });
    for (const name of ['ETHERPLY_NATS_TOKEN', 'ETHERPLY_NATS_NKEY_FILE', 'ETHERPLY_NATS_CREDS_FILE']) {
      expect(loadConfig({ ...nats, [name]: 'x' })).toMatchObject({ natsUrls: ['nats://127.0.0.1'] });
      expect(problemsOf({ ...login, [name]: 'x' })).toEqual([expect.stringContaining(`${name}: set only one of`)]);
    }
  });

  test.each<[string, Record<string, string>, RegExp]>([
    ['ETHERPLY_REGIONS', { ETHERPLY_REGIONS: 'us,,asia' }, /none of them empty/],
    ['ETHERPLY_REGIONS', { ETHERPLY_REGIONS: 'us.west' }, /name or name=domain/],
    ['ETHERPLY_REGIONS', { ETHERPLY_REGIONS: 'us=' }, /name or name=domain/],
    ['ETHERPLY_REGIONS', { ETHERPLY_REGIONS: 'us=a=b' }, /one domain at most/],
    ['ETHERPLY_REGIONS', { ETHERPLY_REGIONS: 'us,us=hub' }, /each name once/],
    ['ETHERPLY_REGIONS', { ETHERPLY_REGIONS: 'us,etherply' }, /etherply is this one/],
    ['ETHERPLY_HOME_REGION', { ETHERPLY_REGIONS: 'us', ETHERPLY_HOME_REGION: 'eu' }, /ETHERPLY_REGIONS/],
    ['ETHERPLY_STREAM_RETENTION', { ETHERPLY_REGIONS: 'us', ETHERPLY_STREAM_RETENTION: 'interest' }, /set limits, or/],
    ['ETHERPLY_STREAM_DUPLICATE_SECONDS', { ETHERPLY_STREAM_MAX_AGE_SECONDS: '60' }, /at most the 60 seconds/],
  ])('%s is refused where it does not fit', (name, env, message) => {
    const problems = problemsOf({ ...nats, ...env });
    expect(problems).toEqual([expect.stringMatching(message)]);
    expect(problems[0]?.startsWith(`${name}: `)).toBe(true);
  });
});

describe('problems', () => {
  test('are all listed at once, one line each', () => {
    const env = { PORT: 'x\ny', ETHERPLY_DEFAULT_SCOPES: 'a,b', ETHERPLY_ACK: 'replicated', ETHERPLY_DEV: 'maybe' };
    const names = ['ETHERPLY_ACK', 'ETHERPLY_DEFAULT_SCOPES', 'ETHERPLY_DEV', 'ETHERPLY_JWT_SECRET', 'PORT'];
    const problems = problemsOf(env);
    expect(problems.map((line) => line.split(':')[0]).sort()).toEqual(names);
    expect(() => loadConfig(env)).toThrow(problems.join('\n'));
    expect(problems.join('\n').split('\n')).toHaveLength(names.length);
  });

  test('never echo the secret', () => {
    const env = { ETHERPLY_JWT_SECRET: 'hunter2', ETHERPLY_NATS_URL: 'nats://me:hunter2@nats.example', PORT: 'x' };
    const problems = problemsOf(env);
    expect(problems).toHaveLength(3);
    expect(problems.join()).not.toContain('hunter2');
  });

  test('a way to verify tokens is needed, except in development', () => {
    expect(problemsOf({})).toEqual([
      'ETHERPLY_JWT_SECRET: set ETHERPLY_JWT_SECRET or ETHERPLY_JWKS_URL, or use `make run` for development',
    ]);
    expect(problemsOf({ ETHERPLY_JWKS_URL: 'http://127.0.0.1/jwks' })).toEqual([]);
    expect(loadConfig({ ETHERPLY_DEV: 'true' }).jwtSecret).toBeUndefined();
  });
});
