import { generateKeyPairSync } from 'node:crypto';
import { isIP } from 'node:net';
import { generate } from 'selfsigned';

export interface KeyPair {
  /** PEM. */
  readonly cert: string;
  /** PEM. */
  readonly key: string;
}

interface Subject {
  readonly name: string;
  /** Kubernetes takes it as a group. */
  readonly group?: string;
}

/** Elliptic curves: a key takes a millisecond. */
const KEYS = { keyType: 'ec', algorithm: 'sha256' } as const;

/** Signs certificates, for servers on loopback and for clients. */
export class CertificateAuthority {
  readonly #pair: KeyPair;

  private constructor(pair: KeyPair) {
    this.#pair = pair;
  }

  static async create(name: string): Promise<CertificateAuthority> {
    const made = await generate(subject({ name }), {
      ...KEYS,
      extensions: [
        { name: 'basicConstraints', cA: true, critical: true },
        {
          name: 'keyUsage',
          keyCertSign: true,
          digitalSignature: true,
          critical: true,
        },
      ],
    });
    return new CertificateAuthority({ cert: made.cert, key: made.private });
  }

  get cert(): string {
    return this.#pair.cert;
  }

  client(of: Subject): Promise<KeyPair> {
    return this.#sign(of, [{ name: 'extKeyUsage', clientAuth: true }]);
  }

  /** @param hosts names and addresses, beside localhost and 127.0.0.1 */
  server(name: string, ...hosts: readonly string[]): Promise<KeyPair> {
    const names = ['localhost', '127.0.0.1', ...hosts].map((value) =>
      isIP(value) === 0 ? ({ type: 2, value } as const) : ({ type: 7, ip: value } as const),
    );
    return this.#sign({ name }, [
      { name: 'extKeyUsage', serverAuth: true },
      { name: 'subjectAltName', altNames: names },
    ]);
  }

  async #sign(of: Subject, extensions: NonNullable<NonNullable<Parameters<typeof generate>[1]>['extensions']>) {
    const made = await generate(subject(of), {
      ...KEYS,
      ca: this.#pair,
      extensions: [{ name: 'keyUsage', digitalSignature: true, critical: true }, ...extensions],
    });
    return { cert: made.cert, key: made.private };
  }
}

/** What the tokens of service accounts are signed with, and read with. */
export function signingKeys(): {
  readonly privateKey: string;
  readonly publicKey: string;
} {
  return generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { type: 'sec1', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
}

function subject({ name, group }: Subject) {
  return [
    { name: 'commonName', value: name },
    ...(group === undefined ? [] : [{ name: 'organizationName', value: group }]),
  ];
}
