import { randomBytes } from 'node:crypto';
import { presenceAnswer } from '@etherply/protocol';
import { afterEach, expect, test } from '@jest/globals';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { JetStream } from '../../src/replication/jetstream.ts';
import { NatsClient } from '../../src/replication/nats-client.ts';
import { natsConnector } from '../../src/replication/nats-connection.ts';
import { freePort, Pod, until } from '../pod.ts';
import { DocumentedNats, documented, PASSWORD } from './documented-nats.ts';

const USER = documented('etherply-user.conf');
const credentials = { ETHERPLY_NATS_USER: 'etherply', ETHERPLY_NATS_PASSWORD: PASSWORD };
/** So that twelve large values are rolled up, into a state that no message holds. */
const ROLL_UP_EARLY = { ETHERPLY_COMPACT_FROM_BYTES: '200000' };

const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
});

async function nats(...options: Parameters<typeof DocumentedNats.start>): Promise<DocumentedNats> {
  const server = await DocumentedNats.start(...options);
  stops.push(() => server.stop());
  return server;
}

async function pod(env: Record<string, string>): Promise<Pod> {
  const one = await Pod.start({ env: { ...credentials, ...ROLL_UP_EARLY, ...env } });
  stops.push(() => one.stop());
  await one.ready();
  return one;
}

/** Together, and compressed, more than a message holds. */
const PIECES = Array.from({ length: 12 }, () => randomBytes(75_000).toString('base64'));

/** Writes what is, as a whole, more than a message holds. */
async function writePieces(one: Pod): Promise<void> {
  const client = await one.connect('large');
  for (const [n, piece] of PIECES.entries()) await client.set(`piece-${n}`, piece);
}

/** As `writePieces`, and waits until there has been a rollup. */
async function writeLarge(one: Pod): Promise<void> {
  await writePieces(one);
  await until(async () => (await one.metric('etherply_rollups_total')) > 0);
}

async function expectLarge(one: Pod): Promise<void> {
  await until(async () => Object.keys((await one.read('large')).data).length === PIECES.length);
  expect((await one.read('large')).data).toMatchObject({ 'piece-7': PIECES[7] });
}

/** Asks the servers with the documented rights. */
async function ask<T>(servers: string | string[], question: (manager: JetStreamManager) => Promise<T>): Promise<T> {
  const connection = await connect({ servers, user: 'etherply', pass: PASSWORD });
  try {
    return await question(await jetstreamManager(connection));
  } finally {
    await connection.close();
  }
}

/** Deletes all objects that no message names; the newest ones, too. */
async function sweep(url: string): Promise<number> {
  const none = { token: undefined, nkeyFile: undefined, credsFile: undefined };
  const noTls = { tlsCa: undefined, tlsCert: undefined, tlsKey: undefined };
  const login = { urls: [url], name: 'sweeper', user: 'etherply', password: PASSWORD };
  const client = new NatsClient(await natsConnector({ ...login, ...none, ...noTls }));
  const limits = { maxAgeSeconds: Infinity, maxBytes: Infinity, duplicateSeconds: 120 };
  const options = {
    cluster: 'etherply',
    replicas: 1,
    retention: 'limits',
    regions: [],
    isManaged: true,
    ...limits,
  } as const;
  const stream = await new Promise<JetStream>((resolve) => {
    const one: JetStream = new JetStream(client, options, { connected: () => resolve(one), disconnected: () => {} });
  });
  try {
    return await stream.sweepPayloads(Date.now());
  } finally {
    stream.close();
    await client.close();
  }
}

test('with just the documented rights, pods of one server do all they do', async () => {
  const { url } = await nats({ config: documented('nats.conf'), user: USER });
  const env = { ETHERPLY_NATS_URL: url };
  const [first, second] = [await pod(env), await pod(env)];
  await writeLarge(first);
  await expectLarge(second);
  await expectLarge(await pod(env));
  // Sooner or later a rollup takes the place of one that was large enough to be an object.
  await until(async () => {
    await writeLarge(second);
    return (await sweep(url)) > 0;
  });
  await first.connect('met', { userId: 'alice' });
  await second.connect('met', { userId: 'bob' });
  for (const one of [first, second]) {
    await until(async () => presenceAnswer.parse((await one.request('GET', '/v1/presence/met')).body).length === 2);
  }
  // With another duplicate window, so that the stream is changed.
  await expectLarge(await pod({ ...env, ETHERPLY_STREAM_DUPLICATE_SECONDS: '60' }));
});

test('with the rights documented for it, pods keep full copies', async () => {
  const lists = [...documented('interest: in permissions').matchAll(/allow: \[([^\]]*)\]/g)].map(
    ([, list = '']) => list,
  );
  const [publish = '', subscribe = ''] = lists;
  const user = USER.replace('publish: {', 'allow_responses: true\npublish: {')
    .replace('allow: [', `allow: [${publish}`)
    .replace('allow: ["_INBOX.>"', `allow: [${subscribe}, "_INBOX.>"`);
  const { url } = await nats({ config: documented('nats.conf'), user });
  const interest = { ETHERPLY_STREAM_RETENTION: 'interest', ETHERPLY_STREAM_MAX_AGE_SECONDS: '3600' };
  const env = { ETHERPLY_NATS_URL: url, ...interest };
  const [first, second] = [await pod(env), await pod(env)];
  await writePieces(first);
  await expectLarge(second);
  await first.configure('ordered', { strategy: 'server-auth' });
  await (await second.connect('ordered')).set('by', 'second');
  await second.end('SIGTERM');
  await writePieces(first);
  const name = await second.consumer();
  await ask(url, (manager) => manager.consumers.delete('etherply', name));
  // Messages are gone that it has not taken in: it gets a copy, with another consumer.
  await second.restart();
  await second.ready();
  await expectLarge(second);
  await expectLarge(await pod(env));
});

test('three servers as documented hold three replicas', async () => {
  const routePorts = [await freePort(), await freePort(), await freePort()];
  const routes = ['--routes', routePorts.map((port) => `nats://127.0.0.1:${port}`).join(',')];
  const starting = routePorts.map((port, n) => {
    const config = documented('nats-1.conf').replace('server_name: nats-1', `server_name: nats-${n + 1}`);
    return nats({ config, user: USER, args: ['--cluster', `nats://127.0.0.1:${port}`, ...routes] });
  });
  const servers = await Promise.all(starting);
  const env = { ETHERPLY_NATS_URL: servers.map(({ url }) => url).join(), ETHERPLY_STREAM_REPLICAS: '3' };
  const [first, second] = [await pod(env), await pod(env)];
  await writeLarge(first);
  await expectLarge(second);
  const urls = servers.map(({ url }) => url);
  const { cluster } = await ask(urls, (manager) => manager.streams.info('etherply'));
  expect(cluster?.replicas).toHaveLength(2); // besides the leader
});

/** The rights in one region, by what is documented for west. */
function rightsIn(here: string, there: string): string {
  const [, more = ''] = /allow: \[([^\]]*)\]/.exec(documented('west: in permissions')) ?? [];
  return USER.replaceAll(/etherply(?=[-."])/g, here)
    .replace('publish: {', 'allow_responses: true\npublish: {')
    .replace('allow: [', `allow: [${more.replaceAll('east', there)}`);
}

test('two regions as documented share workspaces, and one gives the order', async () => {
  const leafPort = await freePort();
  const config = (name: string) =>
    documented(`${name}: in nats.conf`)
      .replace('0.0.0.0:7422', `127.0.0.1:${leafPort}`)
      .replace('nats-east:7422', `127.0.0.1:${leafPort}`);
  const start = async (here: string, there: string) => {
    const { url } = await nats({ config: `${config(here)}\n${rightsIn(here, there)}` });
    const regions = { ETHERPLY_CLUSTER: here, ETHERPLY_REGIONS: `${there}=${there}`, ETHERPLY_HOME_REGION: 'east' };
    return pod({ ETHERPLY_NATS_URL: url, ...regions });
  };
  const [east, west] = [await start('east', 'west'), await start('west', 'east')];
  await writeLarge(east);
  await expectLarge(west);
  await (await west.connect('back')).set('from', 'west');
  await until(async () => (await east.read('back')).data.from === 'west');
  await west.configure('ordered', { strategy: 'server-auth' });
  // East has said that they hold; west opens the workspace with what has come to it.
  await until(async () => {
    const { body } = await west.request('GET', '/v1/workspaces/ordered/settings');
    return JSON.stringify(body).includes('server-auth');
  });
  await (await west.connect('ordered')).set('by', 'west');
  expect((await east.read('ordered')).data).toEqual({ by: 'west' });
});
