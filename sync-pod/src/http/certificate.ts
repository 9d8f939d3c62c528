import { unwatchFile, watchFile } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createSecureContext } from 'node:tls';

/** How often the files are looked at, in milliseconds. A mounted secret changes by a link, which only looking finds. */
const LOOK_MS = 1000;

/** The certificate or its key cannot be used; the message says what to do. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

interface Files {
  readonly certFile: string;
  readonly keyFile: string;
}

/** A certificate and its key, in PEM files that may be replaced at any time. */
export class Certificate implements Files {
  readonly certFile: string;
  readonly keyFile: string;
  #content: string;
  /** One look after the other. */
  #looking: Promise<void> = Promise.resolve();

  private constructor({ certFile, keyFile }: Files, content: string) {
    this.certFile = certFile;
    this.keyFile = keyFile;
    this.#content = content;
  }

  /** @throws CertificateError */
  static async load(files: Files): Promise<Certificate> {
    return new Certificate(files, await readPair(files));
  }

  /** Calls `changed` when the files hold another certificate with its key; where they do not, or it fails, `broken` says why. */
  watch(changed: () => Promise<void>, broken: (error: unknown) => void): void {
    const look = async () => {
      const content = await readPair(this);
      if (content === this.#content) return;
      await changed();
      this.#content = content;
    };
    for (const file of [this.certFile, this.keyFile]) {
      watchFile(file, { interval: LOOK_MS, persistent: false }, () => {
        this.#looking = this.#looking.then(look).catch(broken);
      });
    }
  }

  unwatch(): void {
    for (const file of [this.certFile, this.keyFile]) unwatchFile(file);
  }
}

async function readPair({ certFile, keyFile }: Files): Promise<string> {
  try {
    const [cert, key] = await Promise.all([readFile(certFile, 'utf8'), readFile(keyFile, 'utf8')]);
    // Files are empty while they are written, and to Node.js that is a context without a certificate.
    if (cert === '' || key === '') throw new Error(`${cert === '' ? certFile : keyFile} is empty`);
    createSecureContext({ cert, key }); // throws where they do not belong together
    return cert + key;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new CertificateError(`${certFile} and ${keyFile} are no certificate and its key in PEM: ${reason}`, {
      cause: error,
    });
  }
}
