import type { ProtocolName } from '../protocols/index.ts';

/** How a server is started. */
export interface Launch {
  /** Unset: this Node.js. */
  readonly command?: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** What it prints when it is ready, with its port where it chooses that itself. */
  readonly ready: RegExp;
  /** Where it prints that. Unset: stdout. */
  readonly readyOn?: 'stdout' | 'stderr';
  /** Where it was told to listen. */
  readonly port?: number;
}

/** A server that measurements can start. */
export interface Program {
  readonly name: string;
  launch(dataDir: string): Promise<Launch>;
}

/** What a server promises in the configuration that is measured. */
export interface Guarantees {
  /** What a writer knows of its write when it is acked. */
  readonly ack: string;
  /** Whether it keeps documents on disk at all. */
  readonly keeps: 'on disk' | 'in memory';
  /** Whether what was acked is on disk when the process dies: `yes`, `no`, or when it is. */
  readonly durable: string;
  /** Whether it was synced before it was acked, so that a machine may die. */
  readonly synced: boolean;
  /** Whether all clients see writes of a workspace in one order. */
  readonly ordered: string;
}

/** A server of the comparison. */
export interface Contender extends Program {
  readonly version: string;
  readonly configuration: string;
  readonly guarantees: Guarantees;
  readonly protocol: ProtocolName;
  /** With which its clients connect, for what they write. */
  query(subject: 'keys' | 'presence'): Promise<string>;
  /** Why it cannot be measured here; undefined: it can. */
  missing(): Promise<string | undefined>;
}
