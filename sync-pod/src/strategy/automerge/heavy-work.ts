import { type DecodedWrites, decodeWrites, encodeWrites, type RootWrite } from './change.ts';
import type { ChangeHeader } from './change-draft.ts';
import { type ChangeSummary, summaryOf } from './change-summary.ts';

/** What takes longer than an event loop may be held where a change is large. */
export interface HeavyWork {
  encode(header: ChangeHeader, writes: readonly RootWrite[]): Promise<{ bytes: Uint8Array; hash: string }>;
  decode(change: Uint8Array): Promise<DecodedWrites>;
  /** As `summaryOf`. */
  summarize(change: Uint8Array): Promise<ChangeSummary>;
}

/** Heavy work done where it is asked for: in the worker, and in tests. */
export const heavyWork: HeavyWork = {
  encode: async (header, writes) => encodeWrites(header, writes),
  decode: async (change) => decodeWrites(change),
  summarize: async (change) => summaryOf(change),
};
