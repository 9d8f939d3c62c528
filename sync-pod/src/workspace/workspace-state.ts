import type { LogEntry } from '../storage/shard.ts';
import type { Strategy } from '../strategy/strategy.ts';
import { decodeEnvelope } from './envelope.ts';
import { OpMemory } from './op-memory.ts';

/** What the log of a workspace amounts to. */
export class WorkspaceState {
  readonly strategy: Strategy;
  /** Which messages are in the log already. */
  readonly memory: OpMemory;
  /** The position of the last record. */
  position = 0;

  constructor(strategy: Strategy, opIdMemoryMs: number) {
    this.strategy = strategy;
    this.memory = new OpMemory(opIdMemoryMs);
  }

  /** Takes in the next record of the log. */
  restore(entry: LogEntry): void {
    const envelope = decodeEnvelope(entry.envelope);
    const timestamps = envelope.ops.flatMap(({ timestamp }) => timestamp ?? []);
    this.strategy.receive({ data: envelope.data, timestamps }, entry.position);
    for (const { user, id, fingerprint } of envelope.ops) {
      if (id !== null) this.memory.remember(user, id, fingerprint, envelope.time);
    }
    this.position = entry.position;
  }
}
