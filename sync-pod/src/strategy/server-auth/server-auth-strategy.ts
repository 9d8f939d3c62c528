import type { WorkspaceSettings } from '@etherply/protocol';
import type { RecordedWrite } from '../registers/record.ts';
import { type AppliedRecord, type RegisterPlan, RegisterStrategy } from '../registers/register-strategy.ts';
import { type Message, type Refusal, SettingsError } from '../strategy.ts';
import { type Document, DocumentSchema, documentOf } from './document-schema.ts';
import { Draft } from './draft.ts';
import { KeyRules } from './key-rules.ts';

/**
 * The server is the source of truth: every op is checked against a schema and rules, and gets its place in one order. What
 * clients say of the time is ignored.
 */
export class ServerAuthStrategy extends RegisterStrategy {
  readonly name = 'server-auth';
  #rules = new KeyRules([]);
  #schema: DocumentSchema | undefined;
  /** What the registers hold, as a schema sees it that needs all of it. */
  #document: Document | undefined;

  plan(messages: readonly Message[], nowMs: number): RegisterPlan {
    const needsAll = this.#schema !== undefined && !this.#schema.isByKey;
    const draft = new Draft(this.registers, needsAll ? this.#wholeDocument() : undefined);
    const refusals = new Map<number, Refusal>();
    const timestamps: (number | null)[] = [];
    const writes: RecordedWrite[] = [];
    for (const [i, { ops, author }] of messages.entries()) {
      const refusal = this.#write(draft, { ops, author }, nowMs);
      if (refusal !== undefined) {
        draft.undo();
        refusals.set(i, refusal);
        for (const _ of ops) timestamps.push(null);
        continue;
      }
      const effective = draft.keep();
      for (const [n, { key, json }] of ops.entries()) {
        const timestamp = effective[n] ? nowMs * 1000 : null;
        timestamps.push(timestamp);
        if (timestamp !== null) writes.push({ key, json, timestamp, logical: 0, user: author.userId });
      }
    }
    draft.end();
    return this.planOf(writes, timestamps, refusals, nowMs);
  }

  fold(chunks: readonly Uint8Array[], position: number): string[] | null {
    const other = new ServerAuthStrategy('');
    for (const chunk of chunks) other.restore(chunk);
    this.#document = undefined;
    return this.registers.merge(other.registers, position);
  }

  /** Whether all that is in `other` is in here, and more. */
  goesBeyond(other: ServerAuthStrategy): boolean {
    return this.registers.covers(other.registers) && !other.registers.covers(this.registers);
  }

  snapshot(): Iterable<Uint8Array> {
    return this.registers.snapshot(undefined, () => true);
  }

  restore(chunk: Uint8Array): void {
    this.registers.restore(chunk);
    this.#document = undefined;
  }

  configure({ schema, rules }: WorkspaceSettings): void {
    const next = schema === undefined ? undefined : new DocumentSchema(schema);
    // An empty workspace may be filled by a first write that brings all that is required.
    if (next !== undefined && this.heads().length > 0) {
      const document = this.#documentNow();
      const violation = next.check(document, (key) => Object.hasOwn(document, key));
      if (violation !== undefined) throw new SettingsError(`what is in the workspace breaks it: ${violation.message}`);
    }
    this.#schema = next;
    this.#rules = new KeyRules(rules ?? []);
    if (next === undefined || next.isByKey) this.#document = undefined;
  }

  /** Writes a message to the draft; gives the reason where it must be taken back. */
  #write(draft: Draft, { ops, author }: Message, nowMs: number): Refusal | undefined {
    for (const op of ops) {
      const refusal = this.#rules.check(op, author, draft.get(op.key));
      if (refusal !== undefined) return refusal;
      draft.set(op);
    }
    const holds = (key: string) => draft.get(key) !== undefined;
    const violation = this.#schema?.check(draft.document ?? documentOf(ops), holds);
    if (violation !== undefined) {
      const { key = ops.at(-1)?.key ?? '', message } = violation;
      return { key, code: 'schema_violation', message };
    }
    for (const op of ops) {
      const refusal = this.#rules.count(op, nowMs);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  #wholeDocument(): Document {
    this.#document ??= this.#documentNow();
    return this.#document;
  }

  #documentNow(): Document {
    const document: Document = Object.create(null);
    for (const { key, json } of this.registers.view()) if (json !== undefined) document[key] = JSON.parse(json);
    return document;
  }

  protected apply(record: AppliedRecord, digest: Uint8Array, position: number): string[] {
    for (const { key, json, timestamp, logical } of record.writes) {
      this.registers.set(key, { json, timestamp, logical, actor: record.actor, position });
      if (this.#document === undefined) continue;
      if (json === undefined) delete this.#document[key];
      else this.#document[key] = JSON.parse(json);
    }
    this.registers.advance(record, digest, position);
    return record.writes.map(({ key }) => key);
  }
}
