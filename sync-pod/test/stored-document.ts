import * as Automerge from '@automerge/automerge';
import type { WorkspaceId } from '@etherply/protocol';
import { Shard } from '../src/storage/shard.ts';
import { decodeEnvelope } from '../src/workspace/envelope.ts';
import { decodeManifest } from '../src/workspace/manifest.ts';

/** What a pod that has ended left on disk of a workspace, as the real library loads it. */
export class StoredDocument {
  readonly doc: Automerge.Doc<Record<string, unknown>>;
  readonly isCompacted: boolean;

  private constructor(doc: Automerge.Doc<Record<string, unknown>>, isCompacted: boolean) {
    this.doc = doc;
    this.isCompacted = isCompacted;
  }

  static async read(shardDir: string, workspace: WorkspaceId): Promise<StoredDocument> {
    const shard = await Shard.open(0, shardDir, 1 << 20);
    try {
      const bytes = await shard.manifest(workspace);
      const manifest = bytes === undefined ? undefined : decodeManifest(bytes);
      const archive: Uint8Array[] = [];
      if (manifest !== undefined) {
        const first = manifest.chunks.opIds + manifest.chunks.state;
        const end = first + manifest.chunks.archive;
        for await (const chunk of shard.chunks(workspace, manifest.position, first, end)) archive.push(chunk);
      }
      const changes: Uint8Array[] = [];
      for await (const { envelope } of shard.records(workspace, manifest?.position ?? 0)) {
        const { data } = decodeEnvelope(envelope);
        if (data.length > 0) changes.push(data);
      }
      const before =
        manifest === undefined
          ? Automerge.init<Record<string, unknown>>()
          : Automerge.load<Record<string, unknown>>(Buffer.concat(archive));
      return new StoredDocument(Automerge.applyChanges(before, changes)[0], manifest !== undefined);
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
