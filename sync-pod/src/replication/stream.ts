import type { WorkspaceId } from '@etherply/protocol';

/**
 * A message that stands for all messages of its subject before it: a summary says what they said, after a reset they are of no
 * use any more. Those are gone, unless the stream forgets: then each is there until every pod has it.
 */
export type Rollup = 'summary' | 'reset';

/** The message right before one that stands for all before it. */
export interface Predecessor {
  /** What it was published under: the stream may have two of one id, where what a rollup purged was published again. */
  readonly id: string;
  /** Its number in the stream of its origin; earlier versions do not name it. */
  readonly sequence: number | undefined;
}

/** A message of a workspace, as a stream holds it. */
export interface StreamMessage {
  /** The cluster that published it: the first token of its subject. */
  readonly origin: string;
  /** Its number in the stream; numbers of a workspace rise and have gaps. */
  readonly sequence: number;
  /** What it was published under; says which content it has. */
  readonly id: string;
  /** Where it stands for those of its subject before it. */
  readonly rollup: Rollup | undefined;
  /** The last of those, where it says so. */
  readonly after: Predecessor | undefined;
  /** Fetched where it lies in the object store. @throws StreamUnavailableError, MissingPayloadError */
  readonly content: () => Uint8Array | Promise<Uint8Array>;
}

/** A message that has just come in. */
export interface LiveMessage extends StreamMessage {
  /** The number of the message before it on its subject; 0 where there was none. */
  readonly previous: number;
}

export interface Publication {
  readonly bytes: Uint8Array;
  /** A second message under the same id within the stream's duplicate window has no effect. */
  readonly id: string;
  /** Where given: the message goes in only if the last one of its subject has this number; 0: if there is none. */
  readonly expected?: number;
  readonly rollup?: Rollup | undefined;
  /** The last message that a rollup stands for. */
  readonly after?: Predecessor | undefined;
}

/** The messages of all workspaces, in one order for each. Carries them and never looks inside. */
export interface Stream {
  /** The cluster that it publishes as. */
  readonly origin: string;
  /** That one, and the others from which messages come. */
  readonly origins: readonly string[];
  /** Messages that every pod has are not in it any more. */
  readonly forgets: boolean;
  /** Whether it can be reached, and stands as it should. */
  readonly isConnected: boolean;
  /**
   * Puts a message in; those of one workspace go in in the order of the calls, as long as none fails. Resolves with its number.
   * @throws WrongSequenceError where another message was first
   * @throws StreamUnavailableError where it is unknown whether it is in
   */
  publish(workspace: WorkspaceId, publication: Publication): Promise<number>;
  /**
   * The messages of a workspace from one origin, with a number from `first` on, in order, as far as there are any now.
   * @throws StreamUnavailableError
   */
  read(workspace: WorkspaceId, origin: string, first: number): AsyncIterable<StreamMessage>;
  /** What the message of this number was published under; undefined where it is not there. @throws StreamUnavailableError */
  idAt(sequence: number): Promise<string | undefined>;
  /** Every message from now on, of all origins, as long as the connection holds; some may be lost. Gives what ends it. */
  subscribe(workspace: WorkspaceId, received: (message: LiveMessage) => void): () => void;
}

/** Another message has come in since. */
export class WrongSequenceError extends Error {
  override readonly name = 'WrongSequenceError';
}

/** The stream cannot be reached, or did not answer in time. */
export class StreamUnavailableError extends Error {
  override readonly name: string = 'StreamUnavailableError';
}

/** What a message stands for is not to be had, though the stream can be reached. */
export class MissingPayloadError extends StreamUnavailableError {
  override readonly name = 'MissingPayloadError';
}

/** What tells one stream from another, and from what it was before. */
export interface StreamFacts {
  /** When it was made, as the server says it. */
  readonly created: string;
  /** The number of the last message that came into it. */
  readonly lastSequence: number;
  /** The losses that pods have found in it, each under a name of its own; none where the stream keeps everything. */
  readonly losses: readonly string[];
}
