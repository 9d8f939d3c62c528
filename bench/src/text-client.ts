import { getHeads, type Heads, hasHeads, splice } from '@automerge/automerge';
import { type AutomergeUrl, type DocHandle, decodeHeads, encodeHeads, Repo } from '@automerge/automerge-repo';
import { WebSocketClientAdapter } from '@automerge/automerge-repo-network-websocket';
import { inUtf16 } from './code-points.ts';
import { benchToken } from './contenders/etherply.ts';
import { type ServerProcess, until } from './server-process.ts';
import type { Patch } from './trace.ts';

/** Who has had nothing new for so long gets nothing any more. */
const STALL_MS = 60_000;

interface TextDocument {
  text: string;
}

interface TextClientOptions {
  /** What it is called where something is wrong with it. */
  readonly name: string;
  readonly pod: ServerProcess;
  /** Whether a character may be two UTF-16 units: to count them takes long. */
  readonly hasSurrogates: boolean;
}

/** A stock client of automerge-repo that edits one text. */
export class TextClient {
  readonly name: string;
  readonly #hasSurrogates: boolean;
  readonly #repo: Repo;
  readonly #handle: DocHandle<TextDocument>;

  private constructor(options: TextClientOptions, repo: Repo, handle: DocHandle<TextDocument>) {
    this.name = options.name;
    this.#hasSurrogates = options.hasSurrogates;
    this.#repo = repo;
    this.#handle = handle;
  }

  /** A client that makes the document. */
  static async create(options: TextClientOptions, text: string): Promise<TextClient> {
    const repo = await connect(options.pod);
    return new TextClient(options, repo, repo.create<TextDocument>({ text }));
  }

  /** A client that opens the document of another one, as soon as its pod has it. */
  static async open(options: TextClientOptions, { url, documentId }: TextClient): Promise<TextClient> {
    const headers = { authorization: `Bearer ${await benchToken()}` };
    const workspace = `http://127.0.0.1:${options.pod.port}/v1/workspaces/${documentId}`;
    await until(async () => (await (await fetch(workspace, { headers })).text()).includes('"text"'));
    const repo = await connect(options.pod);
    return new TextClient(options, repo, await repo.find<TextDocument>(url));
  }

  get url(): AutomergeUrl {
    return this.#handle.url;
  }

  get documentId(): string {
    return this.#handle.documentId;
  }

  get text(): string {
    return this.#handle.doc().text;
  }

  get heads(): Heads {
    return getHeads(this.#handle.doc());
  }

  has(heads: Heads): boolean {
    return hasHeads(this.#handle.doc(), heads);
  }

  /**
   * Edits the text as it was at these heads, in one change.
   * @returns the heads of what comes of it; the same ones where nothing is changed
   */
  type(patches: readonly Patch[], at: Heads): Heads {
    const edit = (doc: TextDocument) => {
      for (const patch of patches) {
        const [position, deleted, inserted] = this.#hasSurrogates ? inUtf16(patch, doc.text) : patch;
        splice(doc, ['text'], position, deleted, inserted);
      }
    };
    if (isSame(this.heads, at)) {
      this.#handle.change(edit);
      return this.heads;
    }
    const heads = this.#handle.changeAt(encodeHeads(at), edit);
    return heads === undefined ? at : decodeHeads(heads);
  }

  /** Resolves when the condition holds, asked at each change of the document. @throws where none comes for a minute */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await this.#change();
  }

  async end(): Promise<void> {
    await this.#repo.shutdown();
  }

  #change(): Promise<void> {
    return new Promise((resolve, reject) => {
      const changed = () => {
        clearTimeout(stall);
        resolve();
      };
      const stall = setTimeout(() => {
        this.#handle.off('heads-changed', changed);
        reject(new Error(`${this.name} has had nothing new for ${STALL_MS / 1000} s`));
      }, STALL_MS);
      this.#handle.once('heads-changed', changed);
    });
  }
}

async function connect(pod: ServerProcess): Promise<Repo> {
  const adapter = new WebSocketClientAdapter(`ws://127.0.0.1:${pod.port}/v1/repo?token=${await benchToken()}`);
  const repo = new Repo({ network: [adapter] });
  await repo.networkSubsystem.whenReady();
  return repo;
}

function isSame(one: Heads, other: Heads): boolean {
  return String(one.toSorted()) === String(other.toSorted());
}
