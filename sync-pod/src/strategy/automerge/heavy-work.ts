import { getBackend, init } from '@automerge/automerge';
import { type ChangeHeader, type DecodedWrites, decodeWrites, encodeWrites, type RootWrite } from './change.ts';

/** What takes longer than an event loop may be held where the input is large. */
export interface HeavyWork {
  encode(header: ChangeHeader, writes: readonly RootWrite[]): Promise<{ bytes: Uint8Array; hash: string }>;
  decode(change: Uint8Array): Promise<DecodedWrites>;
  /** A saved document (or nothing) and concatenated changes after it, as one saved document. */
  pack(document: Uint8Array, changes: Uint8Array): Promise<Uint8Array>;
}

/** Heavy work done where it is asked for: in the worker, and in tests. */
export const heavyWork: HeavyWork = {
  encode: async (header, writes) => encodeWrites(header, writes),
  decode: async (change) => decodeWrites(change),
  pack: async (document, changes) => {
    // The handles below the documents: JavaScript objects of all that is in them would only be made to be thrown away.
    // All changes go into an empty document at once, because adding many to a large one takes very long and gigabytes.
    const before = getBackend(init());
    before.loadIncremental(document);
    const all = [...before.getChanges([]), changes];
    before.free();
    const after = getBackend(init());
    after.loadIncremental(Buffer.concat(all));
    const saved = after.save();
    after.free();
    return saved;
  },
};
