import * as Automerge from '@automerge/automerge';
import type { WorkspaceId } from '@etherply/protocol';
import { Shard } from '../src/storage/shard.ts';
import { decodeEnvelope } from '../src/workspace/state/envelope.ts';
import { decodeManifest, type Manifest } from '../src/workspace/state/manifest.ts';

/** What a pod that has ended left on disk of a workspace, as the real library loads it. */
export class StoredDocument {
  readonly doc: Automerge.Doc<Record<string, unknown>>;
  readonly isCompacted: boolean;
  readonly isPacked: boolean;

  private constructor(doc: Automerge.Doc<Record<string, unknown>>, manifest: Manifest | undefined) {
    this.doc = doc;
    this.isCompacted = manifest !== undefined;
    this.isPacked = manifest !== undefined && manifest.packed.bytes > 0;
  }

  static async read(shardDir: string, workspace: WorkspaceId): Promise<StoredDocument> {
    const shard = await Shard.open(0, shardDir, 1 << 20);
    try {
      const bytes = await shard.manifest(workspace);
      const manifest = bytes === undefined ? undefined : decodeManifest(bytes);
      const history: Uint8Array[] = [];
      if (manifest !== undefined) {
        const { packed, unpacked } = manifest;
        for await (const piece of shard.archive(workspace, packed.first, unpacked.end)) history.push(piece);
      }
      for await (const { envelope } of shard.records(workspace, manifest?.position ?? 0)) {
        history.push(decodeEnvelope(envelope).data);
      }
      const doc = Automerge.load<Record<string, unknown>>(Buffer.concat(history));
      return new StoredDocument(doc, manifest);
    } finally {
      await shard.close();
    }
  }

  /** How often each key of the root map has been written, ever. */
  writes(): Map<string, number> {
    const counts = new Map<string, number>();
    for (const change of Automerge.getAllChanges(this.doc)) {
      for (const op of Automerge.decodeChange(change).ops) {
        if (op.obj === '_root') counts.set(op.key, (counts.get(op.key) ?? 0) + 1);
      }
    }
    return counts;
  }

  state(): unknown {
    return JSON.parse(JSON.stringify(Automerge.toJS(this.doc)));
  }
}
