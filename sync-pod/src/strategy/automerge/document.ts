import {
  type Doc,
  generateSyncMessage,
  getBackend,
  init,
  receiveSyncMessage,
  type SyncState,
} from '@automerge/automerge';
import { UnreadableError } from '../unreadable-error.ts';
import { hashOf } from './change-hash.ts';
import type { KnownObject } from './change-judge.ts';
import { plain } from './plain.ts';
import { WholeMessage } from './whole-message.ts';

/** A value of a key of the root map, with the op that wrote it. */
export interface RootValue {
  readonly counter: number;
  readonly actor: string;
  readonly json: string;
}

/** So many changes wait at most. */
const MAX_BEHIND = 256;
/** About what the library takes in memory for a change and for an op, besides their bytes. */
const CHANGE_BYTES = 200;
const OP_BYTES = 8;
const OBJECTS = new Set(['map', 'list', 'text', 'table']);

/**
 * The whole document, as the library has it: for what edits inside values, which the register map cannot follow.
 * Below the library's JavaScript documents, which would make objects of everything in them.
 * Its methods throw an UnreadableError where the library cannot take in the changes; then it is of no use any more.
 */
export class AutomergeDocument {
  /** Of the library's JavaScript document just the shell is used, which the sync protocol asks for. */
  #shell: Doc<unknown> = init();
  readonly #handle = getBackend(this.#shell);
  /** What has not been given to the library yet: many changes at once cost it little more than one. */
  #behind: Uint8Array[];
  /** Of all changes that it was given. */
  #givenBytes = 0;
  /** For peers that have nothing and are known as this one is. */
  #whole: { readonly peer: string; readonly message: WholeMessage } | undefined;

  /** @param changes all that there are, concatenated; also documents as the library saves them */
  constructor(changes: Uint8Array) {
    this.#behind = [changes];
    this.#catchUp();
  }

  /** In order. */
  get heads(): string[] {
    this.#catchUp();
    return this.#handle.getHeads().toSorted();
  }

  /** What it takes in memory, about. */
  get bytes(): number {
    const { numChanges, numOps } = this.#handle.stats();
    return this.#givenBytes + (this.#whole?.message.bytes ?? 0) + CHANGE_BYTES * numChanges + OP_BYTES * numOps;
  }

  /** Gives back its memory: it is of no use any more. */
  free(): void {
    this.#handle.free();
  }

  /** Some changes wait for others that they depend on, and have no effect yet. */
  get isWaiting(): boolean {
    this.#catchUp();
    return this.#handle.getMissingDeps([]).length > 0;
  }

  /** Takes in a change, in time for the next question. One that is in already has no effect. */
  add(change: Uint8Array): void {
    this.#behind.push(change);
    if (this.#behind.length >= MAX_BEHIND) this.#catchUp();
  }

  /** Whether a change is in, and has its effect. */
  has(hash: string): boolean {
    this.#catchUp();
    return this.#handle.getChangeByHash(hash) !== null;
  }

  /**
   * Where an object is: the key of the root map that it is under. Undefined where nobody sees it, or it is not there.
   * The library's own account of what changed (`diffIncremental`) takes seconds where objects are nested a thousand deep.
   */
  placeOf(object: string): { readonly key: string } | undefined {
    this.#catchUp();
    const path = this.#infoOf(object)?.path;
    return path === undefined ? undefined : { key: String(path[0]) };
  }

  /** An object that is, or was, there. */
  objectOf(object: string): KnownObject | undefined {
    this.#catchUp();
    const info = this.#infoOf(object);
    return info && { depth: info.path?.length ?? 0, isSequence: info.type === 'list' || info.type === 'text' };
  }

  /** Whether a key of a map has a value that this op has written. */
  hasValue(object: string, key: string, id: string): boolean {
    this.#catchUp();
    try {
      return this.#handle.getAll(object, key).some((found) => found.at(-1) === id);
    } catch {
      return false; // there is no such map
    }
  }

  /**
   * Whether these changes, once taken in, would be given back as they came: the library does not check whether what an op replaces is
   * where it writes, and keeps only what fits. It is tried on a copy, which takes about a millisecond for 20,000 changes.
   * @param hashes of those that are in doubt
   */
  keepsWhole(changes: readonly Uint8Array[], hashes: ReadonlySet<string>): boolean {
    this.#catchUp();
    const copy = this.#handle.fork();
    try {
      copy.loadIncremental(Buffer.concat(changes));
      return [...hashes].every((hash) => {
        const kept = copy.getChangeByHash(hash);
        // One that waits for others says nothing yet.
        return kept === null || hashOf(kept) === hash;
      });
    } catch {
      return false; // the library tells it by a panic
    } finally {
      copy.free();
    }
  }

  /** Takes in what a peer says of what it has. The changes that it brings along must be in. @throws where the message is none */
  hear(peer: SyncState, message: Uint8Array): SyncState {
    this.#catchUp();
    this.#handle.updateDiffCursor(); // or the shell would be filled with all that is new
    const [shell, next] = receiveSyncMessage(this.#shell, peer, message);
    this.#shell = shell;
    return next;
  }

  /** What is to be sent to a peer next; null: nothing, until there is something new or the peer says something. */
  tell(peer: SyncState): [SyncState, Uint8Array | null] {
    this.#catchUp();
    if (!isNew(peer)) return generateSyncMessage(this.#shell, peer);
    // What is told follows from the document and from what is known of the peer: others as new as this one are told the same.
    const known = JSON.stringify(peer);
    // What waits for other changes is not sent.
    if (this.#whole?.peer !== known || (this.#whole.message.isBehind && this.isWaiting)) {
      const [state, message] = generateSyncMessage(this.#shell, peer);
      if (message === null) return [state, null];
      this.#whole = { peer: known, message: new WholeMessage(state, message) };
    }
    return this.#whole.message.told(this.#handle.getHeads());
  }

  keys(): string[] {
    this.#catchUp();
    return this.#handle.keys('_root');
  }

  /** All values that a key has, greatest op id first: more than one where actors wrote concurrently. */
  valuesOf(key: string): RootValue[] {
    return this.#handle
      .getAll('_root', key)
      .map((found): RootValue => {
        const [datatype, value] = found;
        const id = String(found.at(-1));
        const at = id.indexOf('@');
        const held = OBJECTS.has(datatype) ? this.#handle.materialize(id) : value;
        return { counter: Number(id.slice(0, at)), actor: id.slice(at + 1), json: JSON.stringify(plain(held)) };
      })
      .sort((a, b) => b.counter - a.counter || (a.actor < b.actor ? 1 : -1));
  }

  /** Undefined where there is no such object. */
  #infoOf(object: string): ReturnType<ReturnType<typeof getBackend>['objInfo']> | undefined {
    try {
      return this.#handle.objInfo(object);
    } catch {
      return undefined; // the library knows no other answer
    }
  }

  #catchUp(): void {
    if (this.#behind.length === 0) return;
    const changes = Buffer.concat(this.#behind);
    this.#givenBytes += changes.length;
    try {
      this.#handle.loadIncremental(changes);
    } catch (error) {
      // The library tells corrupt changes by an error, and changes that contradict each other by a panic.
      throw new UnreadableError('the library cannot make a document of the changes', { cause: error });
    }
    this.#whole?.message.add(this.#behind);
    if (this.#whole?.message.isOld === true) this.#whole = undefined;
    this.#behind = [];
  }
}

/** It has said that it has nothing, and was not told anything yet. */
function isNew({ theirHeads, theirHave, lastSentHeads }: SyncState): boolean {
  if (theirHeads?.length !== 0 || lastSentHeads.length > 0) return false;
  return theirHave?.every(({ lastSync, bloom }) => lastSync.length === 0 && bloom.length === 0) === true;
}
