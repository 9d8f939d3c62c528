import type { Message } from '../message.ts';
import type { Outbox } from './outbox.ts';

// The part of IndexedDB that is used, so that a program without the types of the DOM can have the types of this package.
interface Target {
  addEventListener(type: string, listener: () => void): void;
}
interface Request<T> extends Target {
  readonly result: T;
  readonly error: unknown;
}
interface Store {
  add(value: unknown): unknown;
  delete(key: never): unknown;
  getAll(): Request<unknown[]>;
  index(name: string): { getKey(key: string): Request<unknown> };
  createIndex(name: string, keyPath: string, options: { unique: boolean }): unknown;
}
interface Transaction extends Target {
  readonly error: unknown;
  objectStore(name: string): Store;
}
interface Database {
  transaction(store: string, mode: 'readonly' | 'readwrite'): Transaction;
  createObjectStore(name: string, options: { autoIncrement: boolean }): Store;
  close(): void;
}
/** The `indexedDB` of a browser. */
export interface IndexedDb {
  open(name: string, version: number): Request<unknown>;
}
declare const indexedDB: IndexedDb;

const STORE = 'messages';
const BY_ID = 'id';

/**
 * Keeps messages in IndexedDB.
 * @param name of the database; one for each workspace and user
 */
export function indexedDbOutbox(name: string, factory: IndexedDb = indexedDB): Outbox {
  let opened: Promise<Database> | undefined;
  const database = () => {
    opened ??= open(name, factory);
    return opened;
  };

  let writing: Promise<void> = Promise.resolve();
  const write = (act: (store: Store) => void): Promise<void> => {
    // Transactions that write end in the order in which they were made: with the last one, all have.
    writing = transact(act);
    return writing;
  };
  const transact = async (act: (store: Store) => void): Promise<void> => {
    const transaction = (await database()).transaction(STORE, 'readwrite');
    act(transaction.objectStore(STORE));
    await new Promise<void>((resolve, reject) => {
      transaction.addEventListener('complete', resolve);
      transaction.addEventListener('abort', () => reject(transaction.error));
    });
  };

  return {
    async load() {
      const store = (await database()).transaction(STORE, 'readonly').objectStore(STORE);
      return (await resultOf(store.getAll())) as Message[];
    },
    put: (message) => write((store) => store.add(message)),
    remove: (ids) =>
      write((store) => {
        for (const id of ids) {
          const key = store.index(BY_ID).getKey(id);
          key.addEventListener('success', () => {
            if (key.result !== undefined) store.delete(key.result as never);
          });
        }
      }),
    async close() {
      await writing.catch(() => undefined); // was told to those who wait for it
      (await opened)?.close();
    },
  };
}

async function open(name: string, factory: IndexedDb): Promise<Database> {
  const request = factory.open(name, 1);
  request.addEventListener('upgradeneeded', () => {
    // Numbered by the database, so that they come back in the order in which they were put.
    const store = (request.result as Database).createObjectStore(STORE, { autoIncrement: true });
    store.createIndex(BY_ID, 'id', { unique: true });
  });
  return (await resultOf(request)) as Database;
}

function resultOf<T>(request: Request<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error));
  });
}
