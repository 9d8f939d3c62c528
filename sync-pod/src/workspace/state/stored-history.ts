import { type StrategyName, strategyName, type WorkspaceId } from '@etherply/protocol';
import type { StoredHistory } from '../../strategy/history.ts';
import { decodeEnvelope, isOfStrategy, userOf } from './envelope.ts';
import { decodeManifest, type Manifest } from './manifest.ts';
import { Slices } from './slices.ts';
import type { Source } from './source.ts';

/**
 * All that is kept of the records of a workspace, with the position of the last one, or undefined where there are none. A compaction in the meantime moves them
 * (what it has not come to yet may be missing then): it reads again.
 */
export async function readHistory(
  workspace: WorkspaceId,
  source: Source,
): Promise<{ strategy: StrategyName; history: StoredHistory; position: number } | undefined> {
  for (;;) {
    const before = await source.manifest(workspace);
    const reading = read(workspace, source, before && decodeManifest(before));
    const outcome = await reading.then(
      (stored) => ({ stored }),
      (error: unknown) => ({ error }),
    );
    if (!isSame(before, await source.manifest(workspace))) continue;
    if ('error' in outcome) throw outcome.error;
    return outcome.stored;
  }
}

function isSame(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0;
}

async function read(workspace: WorkspaceId, source: Source, manifest: Manifest | undefined) {
  const slices = new Slices();
  const pieces = async (first = 0, end = 0) => {
    const read: Uint8Array[] = [];
    if (first < end) for await (const piece of source.archive(workspace, first, end)) read.push(piece);
    return read;
  };
  const packed = await pieces(manifest?.packed.first, manifest?.packed.end);
  const rest = await pieces(manifest?.unpacked.first, manifest?.unpacked.end);
  const users: (string | null)[] = [];
  let snapshot: Uint8Array | undefined;
  if (manifest !== undefined && manifest.state.end > manifest.state.first) {
    const { first } = manifest.state;
    for await (const chunk of source.chunks(workspace, manifest.position, first, first + 1)) snapshot = chunk;
  }
  let kind: string | undefined = manifest?.kind;
  let position = manifest?.position ?? 0;
  for await (const entry of source.records(workspace, position)) {
    position = entry.position;
    const envelope = decodeEnvelope(entry.envelope);
    if (!isOfStrategy(envelope)) continue;
    kind = envelope.kind;
    rest.push(envelope.data);
    if (envelope.data.length > 0) users.push(userOf(envelope) ?? null);
    await slices.next();
  }
  if (kind === undefined) return undefined;
  const history = {
    base: manifest?.historyBase ?? [],
    packed: Buffer.concat(packed),
    rest: Buffer.concat(rest),
    snapshot,
    users,
  };
  return { strategy: strategyName.parse(kind), history, position };
}
