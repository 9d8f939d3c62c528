import { decodeChange } from '@automerge/automerge';
import type { Json } from '@etherply/protocol';
import { ChangeDraft, type ChangeHeader } from './change-draft.ts';
import { type ChangeOp, type ReadChange, readChange } from './change-reader.ts';

/** A whole-value write to a key of the root map; `pred` are the op ids that it replaces. */
export interface RootWrite {
  readonly key: string;
  readonly value: Json | undefined;
  readonly pred: readonly string[];
}

/** How many Automerge ops writing `value` takes: one for itself and one for everything in it. */
export function opCount(value: Json | undefined): number {
  if (typeof value !== 'object' || value === null) return 1;
  let count = 1;
  for (const item of Array.isArray(value) ? value : Object.values(value)) count += opCount(item);
  return count;
}

/** Encodes writes to the root map as one Automerge change and gives its bytes and hash. */
export function encodeWrites(header: ChangeHeader, writes: readonly RootWrite[]): { bytes: Uint8Array; hash: string } {
  const draft = new ChangeDraft(header);
  for (const { key, value, pred } of writes) draft.writeRoot(key, value, pred);
  return draft.encode();
}

/** A root write as it stands in a decoded change; `json` undefined for a deletion. */
export interface DecodedWrite {
  readonly key: string;
  readonly counter: number;
  readonly json: string | undefined;
  readonly pred: readonly string[];
}

/** A change as writes to the root map, with what is needed to place it in history. */
export interface DecodedWrites {
  /** The keys of the root map that it writes, in order; not those that it edits inside of. */
  readonly keys: readonly string[];
  /** The objects that it edits inside of and did not create. */
  readonly objects: readonly string[];
  readonly change: Omit<ReadChange, 'ops'> & {
    /** Automerge ops, nested ones included. */
    readonly opCount: number;
  };
  /** Whole values; undefined where it edits inside values, or has some that JSON does not: what it does only the document tells. */
  readonly writes: readonly DecodedWrite[] | undefined;
}

type Container = { list: (string | Container)[]; ids: string[] } | { map: Map<string, string | Container> };

/** Reads a change as whole-value writes to the root map. */
export function decodeWrites(bytes: Uint8Array): DecodedWrites {
  const change: ReadChange = readChange(bytes) ?? decodeChange(bytes);
  const { actor, seq, startOp, time, deps, hash, message, ops } = change;
  const writes = wholeWrites(ops, startOp, actor);
  return {
    change: { actor, seq, startOp, time, deps, hash, message, opCount: ops.length },
    keys: ops.flatMap(({ obj, key }) => (obj === '_root' && key !== undefined ? key : [])),
    // Whole values are in objects of their own change.
    objects: writes === undefined ? [...objectsOf(ops, startOp, actor)] : [],
    writes,
  };
}

function objectsOf(ops: readonly ChangeOp[], startOp: number, actor: string): Set<string> {
  const objects = new Set<string>();
  for (const { obj } of ops) {
    const at = obj.indexOf('@');
    const isOwn = obj.slice(at + 1) === actor && Number(obj.slice(0, at)) >= startOp;
    if (obj !== '_root' && !isOwn) objects.add(obj);
  }
  return objects;
}

function wholeWrites(ops: readonly ChangeOp[], startOp: number, actor: string): DecodedWrite[] | undefined {
  const containers = new Map<string, Container>();
  const roots: { key: string; counter: number; node: string | Container | undefined; pred: readonly string[] }[] = [];
  for (const [i, op] of ops.entries()) {
    const counter = startOp + i;
    const node = nodeOf(op);
    if (node === 'unlike JSON') return undefined;
    if (typeof node?.content === 'object') containers.set(`${counter}@${actor}`, node.content);
    if (op.obj === '_root' && op.key !== undefined) {
      roots.push({ key: op.key, counter, node: node?.content, pred: op.pred });
    } else if (!place(containers.get(op.obj), op, `${counter}@${actor}`, node?.content)) return undefined;
  }
  // Each named, as a rest and a spread would take longer than all else that is done for an op.
  return roots.map(({ key, counter, node, pred }) => {
    return { key, counter, json: node === undefined ? undefined : textOf(node), pred };
  });
}

/** Undefined: it deletes. */
function nodeOf(op: ChangeOp): { readonly content: string | Container } | 'unlike JSON' | undefined {
  if (op.action === 'makeMap') return { content: { map: new Map() } };
  if (op.action === 'makeList') return { content: { list: [], ids: [] } };
  if (op.action === 'del') return undefined;
  if (op.action !== 'set' || ['counter', 'timestamp', 'bytes'].includes(op.datatype ?? '')) return 'unlike JSON';
  return { content: JSON.stringify(typeof op.value === 'bigint' ? Number(op.value) : op.value) };
}

/** @returns false where it does not create a part of a value that the same change has created */
function place(
  container: Container | undefined,
  op: ChangeOp,
  id: string,
  node: string | Container | undefined,
): boolean {
  if (container === undefined || node === undefined || op.pred.length > 0) return false;
  if ('map' in container) {
    if (op.key === undefined) return false;
    container.map.set(op.key, node);
    return true;
  }
  const after = op.elemId === '_head' ? -1 : container.ids.lastIndexOf(op.elemId ?? '');
  if (op.insert !== true || (after === -1 && op.elemId !== '_head')) return false;
  container.ids.splice(after + 1, 0, id);
  container.list.splice(after + 1, 0, node);
  return true;
}

function textOf(node: string | Container): string {
  if (typeof node === 'string') return node;
  if ('list' in node) return `[${node.list.map(textOf).join(',')}]`;
  return `{${[...node.map].map(([name, item]) => `${JSON.stringify(name)}:${textOf(item)}`).join(',')}}`;
}
