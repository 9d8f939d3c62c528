import { decodeChange, getBackend, init } from '@automerge/automerge';
import type { HistoricRecord, HistoryReader, Page, StoredHistory } from '../history.ts';
import { authorsOf } from './authorship.ts';
import { AutomergeStrategy } from './automerge-strategy.ts';
import { changeHash, decodeWrites } from './change.ts';
import { heavyWork } from './heavy-work.ts';

/** Reads history that is an Automerge document and the changes after it. */
export const automergeHistory: HistoryReader = {
  async pack(history) {
    // All changes go into an empty document at once, because adding many to a large one takes very long and gigabytes.
    const changes = changesOf(history);
    const after = getBackend(init());
    after.loadIncremental(Buffer.concat(changes));
    const saved = after.save();
    after.free();
    return saved;
  },

  page(history, { limit, before }: Page) {
    const changes = changesOf(history);
    const end = before === undefined ? changes.length : changes.findIndex((change) => hashOf(change) === before);
    if (end === -1) return null;
    return changes
      .slice(Math.max(0, end - limit), end)
      .reverse()
      .map(describe);
  },

  async stateAt(history, heads) {
    const changes = changesOf(history).map((bytes) => ({ bytes, hash: hashOf(bytes), deps: decodeChange(bytes).deps }));
    const wanted = new Set(heads);
    // A change stands after those that it depends on: going backwards finds all that lead to the heads.
    const included = changes
      .toReversed()
      .filter(({ hash, deps }) => {
        if (!wanted.has(hash)) return false;
        for (const dep of deps) wanted.add(dep);
        return true;
      })
      .reverse();
    if (!heads.every((head) => included.some(({ hash }) => hash === head))) return null;
    const replica = new AutomergeStrategy('00', heavyWork);
    for (const [i, { bytes }] of included.entries()) await replica.receive({ data: bytes, timestamps: [] }, i + 1);
    return [...replica.view()].flatMap(({ key, json }): [string, string][] =>
      json === undefined ? [] : [[key, json]],
    );
  },
};

function describe(change: Uint8Array): HistoricRecord {
  const { change: header, writes } = decodeWrites(change);
  const { message } = header;
  const users = authorsOf(message, writes.length);
  return {
    hash: header.hash,
    actor: header.actor,
    timestamp: header.time * 1_000_000,
    message: users === undefined ? message : null,
    ops: writes.map(({ key, json }, i) => ({ key, json, user: users?.[i] ?? null })),
  };
}

/** All changes, each after those that it depends on. */
function changesOf({ packed, rest }: StoredHistory): Uint8Array[] {
  // A handle below the documents: JavaScript objects of all that is in them would only be made to be thrown away.
  const backend = getBackend(init());
  backend.loadIncremental(packed);
  const before = backend.getChanges([]);
  backend.free();
  return [...before, ...cutChanges(rest)];
}

const HEADER_BYTES = 9;

/**
 * The changes in a concatenation: each is its magic bytes and checksum (8 bytes), a type (1 byte), the length of its content
 * as LEB128, and the content. The container of https://automerge.org/automerge-binary-format-spec
 */
function cutChanges(bytes: Uint8Array): Uint8Array[] {
  const changes: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    let at = start + HEADER_BYTES;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      if (byte === undefined) throw new Error('the history ends within a change');
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    changes.push(bytes.subarray(start, at + length));
    start = at + length;
  }
  return changes;
}

const TYPE_AT = 8;
const UNCOMPRESSED = 1;

function hashOf(change: Uint8Array): string {
  // The hash is that of the uncompressed change, which only the library makes of a compressed one.
  return change[TYPE_AT] === UNCOMPRESSED ? changeHash(change) : decodeChange(change).hash;
}
