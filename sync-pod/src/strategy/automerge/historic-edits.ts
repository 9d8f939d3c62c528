import { getBackend, init } from '@automerge/automerge';
import type { StoredHistory } from '../history.ts';
import type { DecodedWrites } from './change.ts';
import { type Edits, editsOf } from './edits.ts';

/** To compare two states of a document of 10,000 changes takes about 5 ms: so many changes are looked at. */
const MAX_CHANGES = 100;
/** Of larger ones nothing is listed. */
const MAX_OPS = 64 * 1024;
const NOTHING: Edits = { ops: [], isTruncated: true };

/** What changes that edit inside values did: only the document of their time tells. */
export class HistoricEdits {
  readonly #history: StoredHistory;
  #document: ReturnType<typeof getBackend> | undefined;
  #left = MAX_CHANGES;

  constructor(history: StoredHistory) {
    this.#history = history;
  }

  /** @param user by whose connection it came */
  of({ hash, deps, opCount }: DecodedWrites['change'], user: string | null): Edits {
    if (this.#left === 0 || opCount > MAX_OPS) return NOTHING;
    this.#left -= 1;
    try {
      return editsOf(this.#loaded().diff([...deps], [hash]), user);
    } catch {
      return NOTHING; // it waits for others, or there is no document: all the more is asked what led to that
    }
  }

  #loaded(): ReturnType<typeof getBackend> {
    if (this.#document === undefined) {
      const left = this.#left;
      this.#left = 0; // for good, where it fails
      this.#document = loadHistory(this.#history);
      this.#left = left;
    }
    return this.#document;
  }

  /** Gives back the memory that it took. */
  free(): void {
    this.#document?.free();
  }
}

/**
 * The whole document, to be freed by the caller. It is loaded in one call: to add many changes to a large document that is there takes the
 * library very long, and gigabytes. @throws where there is no document
 */
export function loadHistory({ packed, rest }: StoredHistory): ReturnType<typeof getBackend> {
  const document = getBackend(init());
  document.loadIncremental(Buffer.concat([packed, rest]));
  return document;
}
