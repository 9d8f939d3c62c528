import { describe, expect, test } from '@jest/globals';
import { nats } from '../../src/api/nats.ts';
import { natsAccessOf } from '../../src/nats/nats-access.ts';

/** Secrets as Kubernetes has them. */
function secretsOf(secrets: Record<string, Record<string, string>>) {
  const encoded = (data: Record<string, string>) =>
    Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text)]));
  return new Map(Object.entries(secrets).map(([name, data]) => [name, encoded(data)]));
}

function access(
  spec: Record<string, unknown>,
  secrets: Record<string, Record<string, string>> = {},
  podIps: string[] = [],
) {
  return natsAccessOf({ name: 'chat', nats: nats.parse(spec), secrets: secretsOf(secrets), podIps });
}

const SERVERS = ['tls://nats.example:4222'];
const USER = { user: 'etherply', password: 'p' };

describe('managed servers', () => {
  test('are reached at the addresses of their pods, with what is in their Secret', () => {
    expect(access({ managed: {} }, { 'chat-nats': USER }, ['10.0.0.1', 'fd00::2'])).toEqual({
      servers: ['nats://10.0.0.1:4222', 'nats://[fd00::2]:4222'],
      credentials: USER,
      tls: undefined,
      source: 'Secret chat-nats',
    });
  });

  test.each([
    ['without a pod', { 'chat-nats': USER }, [], /^no pod of StatefulSet chat-nats has an address/],
    ['without a Secret', {}, ['10.0.0.1'], /^Secret chat-nats is not there/],
    ['without a password', { 'chat-nats': { user: 'u' } }, ['10.0.0.1'], /^Secret chat-nats has .*key password/],
  ])('cannot be reached %s, and it is said what is missing', (_, secrets, podIps, message) => {
    expect(access({ managed: {} }, secrets, podIps)).toEqual({ problem: expect.stringMatching(message) });
  });
});

describe('servers of somebody else', () => {
  test.each([
    [{ userRef: { name: 's' } }, { s: USER }, USER, 'Secret s'],
    [{ tokenRef: { name: 's' } }, { s: { token: 'T\n' } }, { token: 'T' }, 'key token of Secret s'],
    [{ nkeyRef: { name: 's', key: 'seed' } }, { s: { seed: 'SU' } }, { nkey: 'SU' }, 'key seed of Secret s'],
    [{ credsRef: { name: 's' } }, { s: { creds: 'JWT' } }, { creds: 'JWT' }, 'key creds of Secret s'],
    [undefined, {}, undefined, 'spec.nats.external.credentials, which is unset'],
  ])('are reached with %j', (credentials, secrets, shown, source) => {
    const external = { servers: SERVERS, ...(credentials && { credentials }) };
    expect(access({ external }, secrets)).toEqual({ servers: SERVERS, credentials: shown, tls: undefined, source });
  });

  test('are checked against certificates, and shown one', () => {
    const tls = { caRef: { name: 'ca' }, certificateRef: { name: 'mine' } };
    const secrets = { ca: { 'ca.crt': 'CA' }, mine: { 'tls.crt': 'CERT', 'tls.key': 'KEY' } };
    expect(access({ external: { servers: SERVERS, tls } }, secrets)).toMatchObject({
      tls: { ca: 'CA', cert: 'CERT', key: 'KEY' },
    });
  });

  test('cannot be reached with a Secret that is not there', () => {
    const external = { servers: SERVERS, credentials: { tokenRef: { name: 'gone' } } };
    expect(access({ external })).toEqual({
      problem: 'Secret gone is not there: make it, with the key token',
    });
  });
});
