/** A write of the block editor: the text of a block, its removal, or the order of the blocks. */
export type BlockWrite =
  | { readonly key: string; readonly value: string | readonly string[] }
  | { readonly key: string };

/** Where the list of block ids is kept. */
export const ORDER_KEY = 'order';

interface Block {
  readonly id: string;
  /** Its text, a Unicode code point an item. */
  readonly text: readonly string[];
}

/** A text as a block editor keeps it: each line is a block with an id that stays, and a list says in which order they are. */
export class BlockDocument {
  #blocks: Block[] = [];
  #nextId = 0;

  /** @param content what the document starts with */
  constructor(content: string) {
    this.#blocks = content.split('\n').map((line) => this.#newBlock(Array.from(line)));
  }

  /** The writes that make an empty workspace this document. */
  writes(): BlockWrite[] {
    return [...this.#blocks.map(writeOf), this.#orderWrite()];
  }

  /**
   * Removes `deleted` code points at `position` and puts `inserted` there; a line break counts as one.
   * @returns what a block editor writes for it: only blocks that changed, and the order where blocks appeared or went
   */
  splice(position: number, deleted: number, inserted: string): BlockWrite[] {
    const start = this.#locate(position);
    const end = this.#locate(position + deleted);
    const [first, last] = [this.#blocks[start.block], this.#blocks[end.block]];
    if (first === undefined || last === undefined) throw new RangeError(`there is no position ${position}`);
    const lines = inserted.split('\n').map((line) => Array.from(line));
    lines[0] = [...first.text.slice(0, start.offset), ...(lines[0] ?? [])];
    lines[lines.length - 1] = [...(lines.at(-1) ?? []), ...last.text.slice(end.offset)];
    const replacement = lines.map((text, i) => (i === 0 ? { id: first.id, text } : this.#newBlock(text)));
    const gone = this.#blocks.splice(start.block, end.block - start.block + 1, ...replacement).slice(1);
    const isReordered = gone.length > 0 || replacement.length > 1;
    return [
      ...replacement.map(writeOf),
      ...gone.map(({ id }) => ({ key: keyOf(id) })),
      ...(isReordered ? [this.#orderWrite()] : []),
    ];
  }

  #locate(position: number): { block: number; offset: number } {
    let before = 0;
    for (const [block, { text }] of this.#blocks.entries()) {
      if (position <= before + text.length) return { block, offset: position - before };
      before += text.length + 1;
    }
    throw new RangeError(`position ${position} is behind the end`);
  }

  #newBlock(text: readonly string[]): Block {
    this.#nextId += 1;
    return { id: this.#nextId.toString(36), text };
  }

  #orderWrite(): BlockWrite {
    return { key: ORDER_KEY, value: this.#blocks.map(({ id }) => id) };
  }
}

/** The text that the state of a workspace amounts to. */
export function joinBlocks(state: ReadonlyMap<string, unknown>): string {
  const order = state.get(ORDER_KEY);
  if (!Array.isArray(order)) throw new Error(`the workspace has no list of blocks under ${ORDER_KEY}`);
  return order.map((id) => String(state.get(keyOf(id)))).join('\n');
}

function keyOf(id: string): string {
  return `block:${id}`;
}

function writeOf({ id, text }: Block): BlockWrite {
  return { key: keyOf(id), value: text.join('') };
}
