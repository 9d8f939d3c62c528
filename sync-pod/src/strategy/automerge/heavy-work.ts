import { getBackend, init } from '@automerge/automerge';
import { type ChangeHeader, type DecodedWrites, decodeWrites, encodeWrites, type RootWrite } from './change.ts';

/** What takes longer than an event loop may be held where the input is large. */
export interface HeavyWork {
  encode(header: ChangeHeader, writes: readonly RootWrite[]): Promise<{ bytes: Uint8Array; hash: string }>;
  decode(change: Uint8Array): Promise<DecodedWrites>;
  /** Adds changes to a saved document; gives the saved result. */
  archive(document: Uint8Array | undefined, changes: readonly Uint8Array[]): Promise<Uint8Array>;
}

/** Heavy work done where it is asked for: in the worker, and in tests. */
export const heavyWork: HeavyWork = {
  encode: async (header, writes) => encodeWrites(header, writes),
  decode: async (change) => decodeWrites(change),
  archive: async (document, changes) => {
    // The handle below the document: JavaScript objects of all that is in it would only be made to be thrown away.
    const handle = getBackend(init());
    if (document !== undefined) handle.loadIncremental(document);
    handle.applyChanges([...changes]);
    const saved = handle.save();
    handle.free();
    return saved;
  },
};
