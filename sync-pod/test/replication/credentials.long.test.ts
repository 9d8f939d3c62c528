import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { nkeys } from '@nats-io/transport-node';
import { generate } from 'selfsigned';
import { NatsServer } from '../nats-server.ts';
import { Pod, until } from '../pod.ts';
import { operatorAndUser } from './nats-jwt.ts';

const PASSWORD = 'the-right-password';
const WRONG = 'a-wrong-password';
const demands = (password: string) => `authorization { user: pod, password: "${password}" }`;
const givenPassword = (password: string) => ({ ETHERPLY_NATS_USER: 'pod', ETHERPLY_NATS_PASSWORD: password });

let directory: string;
let nats: NatsServer | undefined;
let pod: Pod | undefined;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'etherply-credentials-'));
});
afterEach(async () => {
  await pod?.stop();
  await nats?.stop();
  [pod, nats] = [undefined, undefined];
  await rm(directory, { recursive: true });
});

async function file(name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

/** Files with a CA, and with certificates of localhost that it has signed, by role. */
async function certificates() {
  const authority = await generate([{ name: 'commonName', value: 'etherply test CA' }], {
    extensions: [
      { name: 'basicConstraints', cA: true },
      { name: 'keyUsage', keyCertSign: true },
    ],
  });
  const issue = async (role: string) => {
    const { cert, private: key } = await generate([{ name: 'commonName', value: role }], {
      ca: { key: authority.private, cert: authority.cert },
      extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
    });
    return { cert: await file(`${role}.crt`, cert), key: await file(`${role}.key`, key) };
  };
  return { ca: await file('ca.crt', authority.cert), server: await issue('server'), client: await issue('client') };
}

async function start(server: string, env: Record<string, string>, scheme = 'nats'): Promise<Pod> {
  nats = await NatsServer.start(server);
  pod = await Pod.start({ env: { ETHERPLY_NATS_URL: `${scheme}://localhost:${nats.port}`, ...env } });
  return pod;
}

/** Ready, and what it acks is in the stream. */
async function expectReplication(of: Pod): Promise<void> {
  await of.ready();
  const client = await of.connect('w');
  expect(await client.set('k', 1)).toMatchObject({ durability: 'replicated' });
  client.close();
}

/** Resolves with why the pod is not ready, once it says this. */
async function problemWith(of: Pod, text: string): Promise<string> {
  let said = '';
  await until(async () => {
    const answer = await fetch(of.url('/readyz'));
    said = await answer.text();
    return answer.status === 503 && said.includes(text);
  });
  return said;
}

describe('a pod replicates through a server that demands', () => {
  test('a user and a password', async () => {
    await expectReplication(await start(demands(PASSWORD), givenPassword(PASSWORD)));
  });

  test('a token', async () => {
    const token = 'a-token-of-the-server';
    await expectReplication(await start(`authorization { token: "${token}" }`, { ETHERPLY_NATS_TOKEN: token }));
  });

  test('an NKey', async () => {
    const user = nkeys.createUser();
    const seed = await file('user.nk', `${Buffer.from(user.getSeed())}\n`);
    const server = `authorization { users: [{ nkey: ${user.getPublicKey()} }] }`;
    await expectReplication(await start(server, { ETHERPLY_NATS_NKEY_FILE: seed }));
  });

  test('a JWT', async () => {
    const { config, creds } = operatorAndUser();
    await expectReplication(await start(config, { ETHERPLY_NATS_CREDS_FILE: await file('user.creds', creds) }));
  });

  test.each(['nats', 'tls'])('TLS, with a CA of its own, at a %s URL', async (scheme) => {
    const { ca, server } = await certificates();
    const config = `tls { cert_file: "${server.cert}", key_file: "${server.key}" }`;
    await expectReplication(await start(config, { ETHERPLY_NATS_TLS_CA: ca }, scheme));
  });

  test('TLS, a certificate, and a password', async () => {
    const { ca, server, client } = await certificates();
    const tls = `tls { cert_file: "${server.cert}", key_file: "${server.key}", ca_file: "${ca}", verify: true }`;
    const shown = { ETHERPLY_NATS_TLS_CERT: client.cert, ETHERPLY_NATS_TLS_KEY: client.key };
    const env = { ETHERPLY_NATS_TLS_CA: ca, ...shown, ...givenPassword(PASSWORD) };
    await expectReplication(await start(`${tls}\n${demands(PASSWORD)}`, env, 'tls'));
  });
});

describe('a pod that is not let in', () => {
  test('says why without a secret, and is ready once the server takes its password', async () => {
    const outside = await start(demands(PASSWORD), givenPassword(WRONG));
    const problem = await problemWith(outside, 'Authorization Violation');
    expect(problem).toContain('NATS cannot be reached');
    await nats?.end('SIGTERM');
    await nats?.restart(demands(WRONG));
    await expectReplication(outside);
    for (const secret of [WRONG, PASSWORD]) expect(`${problem}${outside.output}`).not.toContain(secret);
  });

  test('any more says why, and goes on once it is let in again', async () => {
    const inside = await start(demands(PASSWORD), givenPassword(PASSWORD));
    await expectReplication(inside);
    await nats?.end('SIGTERM');
    await nats?.restart(demands(WRONG));
    const problem = await problemWith(inside, 'Authorization Violation');
    await nats?.end('SIGTERM');
    await problemWith(inside, 'the connection to NATS is lost');
    await nats?.restart(demands(PASSWORD));
    await expectReplication(inside);
    for (const secret of [WRONG, PASSWORD]) expect(`${problem}${inside.output}`).not.toContain(secret);
  });

  test('does not trust a certificate of a CA that it was not given', async () => {
    const { server } = await certificates();
    const config = `tls { cert_file: "${server.cert}", key_file: "${server.key}" }`;
    await problemWith(await start(config, givenPassword(PASSWORD)), 'unable to verify');
  });

  test('for want of a certificate says that it cannot reach NATS', async () => {
    const { ca, server } = await certificates();
    const tls = `tls { cert_file: "${server.cert}", key_file: "${server.key}", ca_file: "${ca}", verify: true }`;
    await problemWith(await start(tls, { ETHERPLY_NATS_TLS_CA: ca }), 'NATS cannot be reached: timeout');
  });

  test('by a server without TLS, though its URL is a tls one, shows no password', async () => {
    await problemWith(await start(demands(PASSWORD), givenPassword(PASSWORD), 'tls'), "server does not support 'tls'");
  });
});

describe('a file that cannot be used ends the pod with 2, and is named', () => {
  const url = { ETHERPLY_NATS_URL: 'nats://127.0.0.1:1' };
  const refused = (env: Record<string, string>) => Pod.start({ env: { ...url, ...env } });

  test.each([
    ['ETHERPLY_NATS_NKEY_FILE', 'is no seed of an NKey'],
    ['ETHERPLY_NATS_CREDS_FILE', 'has no credentials'],
    ['ETHERPLY_NATS_TLS_CA', 'is no certificate in PEM'],
  ])('%s', async (variable, problem) => {
    const missing = join(directory, 'missing');
    await expect(refused({ [variable]: missing })).rejects.toThrow(`the pod ended with 2: cannot read ${missing}: `);
    const nonsense = await file('nonsense', 'SECRET');
    const told = refused({ [variable]: nonsense });
    await expect(told).rejects.toThrow(`the pod ended with 2: ${nonsense} ${problem}`);
    await expect(told).rejects.not.toThrow('SECRET');
  });

  test('ETHERPLY_NATS_TLS_CERT and ETHERPLY_NATS_TLS_KEY', async () => {
    const { server, client } = await certificates();
    const pair = (cert: string, key: string) => ({ ETHERPLY_NATS_TLS_CERT: cert, ETHERPLY_NATS_TLS_KEY: key });
    const missing = join(directory, 'missing');
    for (const env of [pair(missing, server.key), pair(server.cert, missing)]) {
      await expect(refused(env)).rejects.toThrow(`the pod ended with 2: cannot read ${missing}: `);
    }
    await expect(refused(pair(server.cert, client.key))).rejects.toThrow(
      `the pod ended with 2: ${server.cert} and ${client.key} are no certificate and its key`,
    );
  });
});
