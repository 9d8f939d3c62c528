import { nkeys } from '@nats-io/transport-node';

type KeyPair = ReturnType<typeof nkeys.createUser>;

const UNLIMITED = { subs: -1, data: -1, payload: -1 };
const ACCOUNT_LIMITS = { ...UNLIMITED, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 };
const JETSTREAM_LIMITS = { mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 };

/** A JWT as nats-server demands it: https://github.com/nats-io/jwt */
function signed(issuer: KeyPair, subject: KeyPair, nats: Record<string, unknown>): string {
  const encode = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const [iss, sub] = [issuer.getPublicKey(), subject.getPublicKey()];
  const claims = {
    jti: sub,
    iat: Math.floor(Date.now() / 1000),
    iss,
    sub,
    name: 'test',
    nats: { ...nats, version: 2 },
  };
  const content = `${encode({ typ: 'JWT', alg: 'ed25519-nkey' })}.${encode(claims)}`;
  return `${content}.${Buffer.from(issuer.sign(Buffer.from(content))).toString('base64url')}`;
}

/** The configuration of a server that demands JWTs of one operator, and the content of a creds file that it takes. */
export function operatorAndUser(): { config: string; creds: string } {
  const [operator, system, account] = [nkeys.createOperator(), nkeys.createAccount(), nkeys.createAccount()];
  const user = nkeys.createUser();
  const accountJwt = (pair: KeyPair, limits: Record<string, unknown>) => {
    return signed(operator, pair, { type: 'account', limits, default_permissions: { pub: {}, sub: {} } });
  };
  const config = `
    operator: ${signed(operator, operator, { type: 'operator' })}
    system_account: ${system.getPublicKey()}
    resolver: MEMORY
    resolver_preload: {
      ${system.getPublicKey()}: ${accountJwt(system, ACCOUNT_LIMITS)}
      ${account.getPublicKey()}: ${accountJwt(account, { ...ACCOUNT_LIMITS, ...JETSTREAM_LIMITS })}
    }`;
  const creds = [
    '-----BEGIN NATS USER JWT-----',
    signed(account, user, { type: 'user', pub: {}, sub: {}, ...UNLIMITED }),
    '------END NATS USER JWT------',
    '',
    '-----BEGIN USER NKEY SEED-----',
    Buffer.from(user.getSeed()).toString(),
    '------END USER NKEY SEED------',
    '',
  ];
  return { config, creds: creds.join('\n') };
}
