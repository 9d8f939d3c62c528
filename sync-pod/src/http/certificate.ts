import { readFile, stat } from 'node:fs/promises';
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
  #version: string;
  #content: string;
  #timer: NodeJS.Timeout | undefined;
  /** One look after the other. */
  #looking: Promise<void> = Promise.resolve();

  private constructor({ certFile, keyFile }: Files, version: string, content: string) {
    this.certFile = certFile;
    this.keyFile = keyFile;
    this.#version = version;
    this.#content = content;
  }

  /** @throws CertificateError */
  static async load(files: Files): Promise<Certificate> {
    // In this order: what is replaced in between is found by the next look.
    const version = await versionOf(files);
    return new Certificate(files, version, await readPair(files));
  }

  /**
   * Calls `changed` when the files hold another certificate with its key than those that were loaded; where they do not, or it
   * fails, `broken` says why.
   */
  watch(changed: () => Promise<void>, broken: (error: unknown) => void): void {
    const look = async () => {
      const version = await versionOf(this);
      if (version === this.#version) return;
      this.#version = version;
      const content = await readPair(this);
      if (content === this.#content) return;
      await changed();
      this.#content = content;
    };
    this.#timer = setInterval(() => {
      this.#looking = this.#looking.then(look).catch(broken);
    }, LOOK_MS).unref();
  }

  unwatch(): void {
    clearInterval(this.#timer);
  }
}

/** Which files they are, and as of when. */
async function versionOf({ certFile, keyFile }: Files): Promise<string> {
  const versions = [certFile, keyFile].map(async (file) => {
    try {
      const { dev, ino, size, mtimeMs } = await stat(file);
      return [dev, ino, size, mtimeMs].join(':');
    } catch {
      return 'cannot be read'; // who reads it says why
    }
  });
  return (await Promise.all(versions)).join();
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
