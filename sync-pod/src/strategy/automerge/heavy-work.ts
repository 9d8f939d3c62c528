import { applyChanges, init, load, save } from '@automerge/automerge';
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
    const before = document === undefined ? init() : load(document);
    return save(applyChanges(before, [...changes])[0]);
  },
};
