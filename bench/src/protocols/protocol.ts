import type { Message } from '../raw-client.ts';

/** A client of a workspace, as the load generator numbers them. */
export interface ClientIdentity {
  readonly workspace: number;
  /** In its workspace, from 0. */
  readonly n: number;
}

/** What a client takes notice of in what it receives. */
export interface ClientEvents {
  /** It has the state of its workspace and can write. */
  ready(): void;
  /** So many of its writes, the oldest first, are acked. */
  acked(count: number): void;
  /** A write of the client with this number, that was due at this time, has come. */
  delivered(writer: number, dueAt: number): void;
  /** Somebody's presence that was due at this time has come. */
  seen(dueAt: number): void;
  send(message: Message): void;
}

/** One client's end of a connection. */
export interface ProtocolClient {
  /** Path and query with which it connects. @param query of the contender, for instance its token */
  path(query: string): string;
  /** What it sends when the connection is open. */
  hello(): readonly Message[];
  receive(frame: Buffer): void;
  /**
   * A write of one key of the workspace's document, with the time at which it is due, in whole microseconds below 2^31, as value.
   * @returns undefined where the protocol has it wait: it is sent by itself then
   */
  write(dueAt: number): Message | undefined;
  /** Its presence, with the time at which it is due; absent: the server has none, or it is not measured. */
  present?(dueAt: number): Message;
  /** Writes that fill a document with keys that have random texts; absent: the server has no documents, or it would take too long. */
  fill?(keys: number, valueBytes: number): readonly Message[];
  /** The client that connects again with what this one has; absent: clients get everything again. */
  resume?(): ProtocolClient;
}

/** How clients of a server speak. */
export interface Protocol {
  client(identity: ClientIdentity, events: ClientEvents): ProtocolClient;
  /**
   * What tells a writer that its write has arrived: an ack, the write itself that the server sends back, or, where there is
   * neither, that another client of the workspace has it.
   */
  readonly credit: 'ack' | 'echo' | 'delivery';
  /** So many writes may be without it at a client. */
  readonly window: number;
  /** Where there are more in an open loop: they wait in the generator, or `write` sees to them. */
  readonly beyondWindow: 'waits' | 'is written';
}
