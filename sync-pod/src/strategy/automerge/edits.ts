import { applyPatch, type Patch } from '@automerge/automerge';
import type { Edit, HistoricOp } from '../history.ts';
import { plain } from './plain.ts';

type Path = Patch['path'];

/** Values that a patch has put somewhere, several where they are inserted into a list; later patches may fill them. */
interface Put {
  readonly path: Path;
  readonly values: unknown[];
  readonly isInsert: boolean;
}
type Step = Put | { readonly path: Path; readonly edit: Edit };

/** Of one change no more is listed. */
const MAX_EDITS = 1000;
const MAX_JSON_CHARACTERS = 64 * 1024;

/** What a change did, as ops of history. */
export interface Edits {
  readonly ops: readonly HistoricOp[];
  /** It did more than is listed. */
  readonly isTruncated: boolean;
}

/** @param user by whose connection it came */
export function editsOf(patches: readonly Patch[], user: string | null): Edits {
  const steps: Step[] = [];
  const puts = new Puts();
  for (const patch of patches) {
    if (puts.fill(patch)) continue;
    for (const step of stepsOf(patch)) {
      steps.push(step);
      if ('values' in step) puts.add(step);
    }
  }
  const ops: HistoricOp[] = [];
  let characters = 0;
  for (const step of steps) {
    const op = opOf(step, user);
    characters += JSON.stringify(op).length;
    if (ops.length === MAX_EDITS || characters > MAX_JSON_CHARACTERS) return { ops, isTruncated: true };
    ops.push(op);
  }
  return { ops, isTruncated: false };
}

/** A value comes empty, and what is in it after it: as one they are easier to read. */
class Puts {
  /** By their paths as JSON: the values, and which of them it is. */
  readonly #places = new Map<string, { readonly values: unknown[]; readonly index: number }>();

  add({ path, values, isInsert }: Put): void {
    const first = Number(path.at(-1));
    for (const index of values.keys()) {
      const at = isInsert ? [...path.slice(0, -1), first + index] : path;
      this.#places.set(JSON.stringify(at), { values, index });
    }
  }

  /** @returns false where the patch is for none of the values, and is a step of its own */
  fill(patch: Patch): boolean {
    for (let length = patch.path.length - 1; length > 0; length -= 1) {
      const place = this.#places.get(JSON.stringify(patch.path.slice(0, length)));
      if (place !== undefined)
        return isFilled(place.values, { ...patch, path: [place.index, ...patch.path.slice(length)] });
    }
    return false;
  }
}

function isFilled(values: unknown[], patch: Patch): boolean {
  try {
    applyPatch(values, patch);
    return true;
  } catch {
    return false; // the library cannot do it to plain values
  }
}

function stepsOf(patch: Patch): Step[] {
  const { path } = patch;
  switch (patch.action) {
    case 'put':
      return [{ path, values: [patch.value], isInsert: false }];
    case 'insert':
      return [{ path, values: [...patch.values], isInsert: true }];
    case 'splice':
      return [{ path, edit: { insert: JSON.stringify(patch.value) } }];
    case 'del':
      return [{ path, edit: { remove: patch.length ?? 1 } }];
    case 'inc':
      return [{ path, edit: { increment: patch.value } }];
    case 'mark':
      return patch.marks.map(({ name, value, start, end }) => {
        return { path: [...path, start], edit: { mark: { name, value: plain(value), length: end - start } } };
      });
    case 'unmark':
      return [
        {
          path: [...path, patch.start],
          edit: { mark: { name: patch.name, value: null, length: patch.end - patch.start } },
        },
      ];
    default:
      return []; // which of several values is seen is no edit
  }
}

function opOf(step: Step, user: string | null): HistoricOp {
  const [root = '', ...path] = step.path;
  const key = String(root);
  if ('values' in step) {
    const [json = 'null', ...more] = step.values.map((value) => JSON.stringify(plain(value)));
    if (step.isInsert) return { key, path, edit: { insert: `[${[json, ...more].join()}]` }, user };
    return path.length === 0 ? { key, json, user } : { key, path, edit: { put: json }, user };
  }
  const isRootDeletion = path.length === 0 && 'remove' in step.edit;
  return isRootDeletion ? { key, json: undefined, user } : { key, path, edit: step.edit, user };
}
