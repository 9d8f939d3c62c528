import { decodeChange, getBackend, init } from '@automerge/automerge';
import type { HistoricRecord, HistoryReader, Page, StoredHistory } from '../history.ts';
import { NEEDS_HISTORY } from '../strategy.ts';
import { Authors } from './authors.ts';
import { authorsOf } from './authorship.ts';
import { AutomergeStrategy } from './automerge-strategy.ts';
import { decodeWrites } from './change.ts';
import { hashOf } from './change-hash.ts';
import { actorAndSeq, cutChunks, isChange } from './change-header.ts';
import { heavyWork } from './heavy-work.ts';
import { HistoricEdits, loadHistory } from './historic-edits.ts';
import { decodeStateChunk } from './state-chunks.ts';

/** Reads history that is an Automerge document and the changes after it. */
export const automergeHistory: HistoryReader = {
  async pack(history) {
    const document = loadHistory(history);
    const saved = document.save();
    document.free();
    // Changes that no library makes can be saved in a form that cannot be loaded any more.
    return isReadable(saved) ? saved : Buffer.concat(changesOf(history));
  },

  page(history, { limit, before }: Page) {
    const changes = changesOf(history);
    const authors = authorsIn(history, changes);
    const end = before === undefined ? changes.length : changes.findIndex((change) => hashOf(change) === before);
    if (end === -1) return null;
    const shown = changes.slice(Math.max(0, end - limit), end).reverse();
    const differ = new HistoricEdits(history);
    try {
      return shown.map((change) => describe(change, authors, differ));
    } finally {
      differ.free();
    }
  },

  async records(history) {
    const changes = changesOf(history);
    const authors = authorsIn(history, changes);
    return changes.map((data) => {
      const { actor, seq } = placeOf(data);
      return { data, timestamps: [], user: authors.of(actor, seq) };
    });
  },

  async stateAt(history, heads) {
    const changes = changesOf(history).map((bytes) => ({ bytes, hash: hashOf(bytes) }));
    const byHash = new Map(changes.map((change) => [change.hash, change]));
    const included = new Set<string>();
    for (const missing = [...heads]; missing.length > 0; ) {
      const hash = missing.pop() ?? '';
      const change = byHash.get(hash);
      if (change === undefined) return null;
      if (included.has(hash)) continue;
      included.add(hash);
      missing.push(...decodeChange(change.bytes).deps);
    }
    const replica = new AutomergeStrategy('00', heavyWork);
    const chosen = changes.flatMap(({ bytes, hash }) => (included.has(hash) ? bytes : []));
    for (const data of chosen) {
      const record = { data, timestamps: [] };
      if ((await replica.receive(record, 1)) !== NEEDS_HISTORY) continue;
      replica.complete(Buffer.concat(chosen), 1);
      await replica.receive(record, 1);
    }
    return [...replica.view()].flatMap(({ key, json }): [string, string][] =>
      json === undefined ? [] : [[key, json]],
    );
  },
};

function isReadable(saved: Uint8Array): boolean {
  const again = getBackend(init());
  try {
    again.loadIncremental(saved);
    return true;
  } catch {
    return false; // the library knows no other answer
  } finally {
    again.free();
  }
}

/** By whose connections the changes came, as far as that is known. */
function authorsIn({ snapshot, users = [] }: StoredHistory, changes: readonly Uint8Array[]): Authors {
  const authors = new Authors();
  if (snapshot !== undefined) {
    const chunk = decodeStateChunk(snapshot);
    if ('frontier' in chunk) authors.restore(chunk.frontier.authors);
  }
  for (const [i, change] of changes.slice(changes.length - users.length).entries()) {
    const user = users[i] ?? null;
    if (user === null) continue;
    const { actor, seq } = placeOf(change);
    authors.add(actor, seq, user);
  }
  return authors;
}

function placeOf(change: Uint8Array): { actor: string; seq: number } {
  return actorAndSeq(change) ?? decodeChange(change);
}

function describe(change: Uint8Array, authors: Authors, differ: HistoricEdits): HistoricRecord {
  const { change: header, writes } = decodeWrites(change);
  const { message } = header;
  const users = writes && authorsOf(message, writes.length);
  const author = users === undefined ? (authors.of(header.actor, header.seq) ?? null) : null;
  const { ops, isTruncated } =
    writes === undefined
      ? differ.of(header, author)
      : { ops: writes.map(({ key, json }, i) => ({ key, json, user: users?.[i] ?? author })), isTruncated: false };
  return {
    hash: header.hash,
    actor: header.actor,
    timestamp: header.time * 1_000_000,
    message: users === undefined ? message : null,
    author,
    ops,
    isTruncated,
  };
}

/** All changes, as a rule each after those that it depends on. */
function changesOf({ packed, rest }: StoredHistory): Uint8Array[] {
  // A handle below the documents: JavaScript objects of all that is in them would only be made to be thrown away.
  const backend = getBackend(init());
  const chunks = cutChunks(packed);
  for (const chunk of chunks) if (!isChange(chunk)) backend.loadIncremental(chunk);
  const before = backend.getChanges([]);
  backend.free();
  // What waits for changes that have not come stands behind the document; the library would not give it back.
  return [...before, ...chunks.filter(isChange), ...cutChunks(rest)];
}
