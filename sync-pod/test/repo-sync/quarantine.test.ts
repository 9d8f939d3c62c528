import { join } from 'node:path';
import { from, getAllChanges, getHeads, getObjectId } from '@automerge/automerge';
import { type DocumentId, stringifyAutomergeUrl } from '@automerge/automerge-repo';
import { parseWorkspaceId } from '@etherply/protocol';
import { afterEach, describe, expect, test } from '@jest/globals';
import { Shard } from '../../src/storage/shard.ts';
import { encodeEnvelope } from '../../src/workspace/state/envelope.ts';
import { freePort, Pod, until } from '../pod.ts';
import { Cluster } from '../replication/cluster.ts';
import { bringing, newId, oddChange, RawClient } from './raw-client.ts';
import { StockClient } from './stock-client.ts';

const BASE = from({ text: 'abc' }, { actor: '11'.repeat(16) });
const TEXT = getObjectId(BASE, 'text') ?? '';
const REFUSAL = { error: { code: 'unavailable', message: expect.stringContaining('quarantined') } };
const GAUGE = 'etherply_quarantined_workspaces';

/** A change after which the library has no document any more, and that is not refused: the element it stands after is none of its list. */
function poison(): Uint8Array {
  const op = { action: 'set', obj: TEXT, insert: true, elemId: TEXT, value: 'x', pred: [] };
  return oddChange({ deps: getHeads(BASE) }, op);
}

/** Clients of both protocols are told why they cannot have it. */
async function expectQuarantined(pod: Pod, document: DocumentId): Promise<void> {
  for (const answer of [
    await pod.request('GET', `/v1/workspaces/${document}`),
    await pod.request('POST', `/v1/workspaces/${document}/ops`, { body: { key: 'k', value: 1 } }),
  ]) {
    expect(answer).toMatchObject({ status: 503, body: REFUSAL });
  }
  await expect(pod.connect(document)).rejects.toThrow(/503/);
  const raw = await RawClient.joined(pod, 'asks');
  raw.sync(document, bringing([], []), 'request');
  expect(await raw.hears('error')).toMatchObject({ message: expect.stringContaining('quarantined') });
  expect(await raw.hears('doc-unavailable')).toMatchObject({ documentId: document });
  expect(raw.closeCode).toBeUndefined();
  raw.close();
  const stock = await StockClient.connect(pod);
  await expect(stock.repo.find(stringifyAutomergeUrl({ documentId: document }))).rejects.toThrow(/unavailable/);
  await stock.end();
  expect(await pod.metric(GAUGE)).toBe(1);
  expect(pod.output).toContain('is quarantined');
}

function sendBase(client: RawClient, document: string): void {
  client.sync(document, bringing(getAllChanges(BASE), getHeads(BASE)));
}

async function hasBase(pod: Pod, document: string): Promise<void> {
  await until(async () => (await pod.read(document)).data.text === 'abc');
}

/** Nobody else notices. */
async function expectServes(pod: Pod): Promise<void> {
  const other = newId();
  const client = await RawClient.joined(pod, 'other');
  sendBase(client, other);
  await hasBase(pod, other);
  await (await pod.connect(other)).set('k', 1);
  client.close();
}

/** An admin deletes it, and it is as if nothing had been there: on all pods, for clients of both protocols. */
async function expectDeletable(pods: readonly Pod[], document: DocumentId): Promise<void> {
  const [pod] = pods;
  if (pod === undefined) throw new Error('there is a pod');
  expect(await pod.request('DELETE', `/v1/workspaces/${document}`)).toMatchObject({ status: 200 });
  for (const one of pods) {
    await until(async () => (await one.metric(GAUGE)) === 0);
    expect((await one.read(document)).data).toEqual({});
  }
  const stock = await StockClient.connect(pod);
  const raw = await RawClient.joined(pod, 'again');
  sendBase(raw, document);
  for (const one of pods) await hasBase(one, document);
  const url = stringifyAutomergeUrl({ documentId: document });
  expect((await stock.repo.find<{ text: string }>(url)).doc()).toEqual({ text: 'abc' });
  await (await pod.connect(document)).set('k', 1);
  for (const one of pods) await until(async () => (await one.read(document)).data.k === 1);
  raw.close();
  await stock.end();
}

describe('a document that cannot be loaded is quarantined', () => {
  let pod: Pod;
  let cluster: Cluster | undefined;
  afterEach(async () => {
    if (cluster === undefined) await pod.stop();
    await cluster?.stop();
    cluster = undefined;
  });
  const env = { ETHERPLY_REPO_SYNC: 'true' };

  test('when it comes to that while clients are there, and after a restart', async () => {
    pod = await Pod.start({ env: { ...env, PORT: await freePort() } });
    const [document, other] = [newId(), newId()];
    const client = await RawClient.joined(pod);
    for (const one of [document, other]) sendBase(client, one);
    for (const one of [document, other]) await hasBase(pod, one);
    const json = await pod.connect(document);
    client.sync(document, bringing([poison()], []));
    expect(await json.closed()).toBe(1012);
    expect(await client.hears('error')).toMatchObject({ message: expect.stringContaining(document) });
    await expectQuarantined(pod, document);
    await expectServes(pod);
    // The connection goes on with its other documents.
    const edited = from({ text: 'more' }, { actor: '33'.repeat(16) });
    client.sync(other, bringing(getAllChanges(edited), getHeads(edited)));
    await until(async () => (await pod.read(other)).data.text === 'more');
    client.close();
    await pod.end('SIGKILL');
    await pod.restart();
    await expectQuarantined(pod, document);
    await expectServes(pod);
    await expectDeletable([pod], document);
    await pod.end('SIGKILL');
    await pod.restart();
    expect((await pod.read(document)).data).toEqual({ text: 'abc', k: 1 });
  });

  test('when its log is corrupt', async () => {
    pod = await Pod.start({ env: { ...env, PORT: await freePort() } });
    const document = newId();
    const client = await RawClient.joined(pod);
    sendBase(client, document);
    await hasBase(pod, document);
    await pod.end('SIGKILL');
    const workspace = parseWorkspaceId(document);
    if (workspace === undefined) throw new Error('it is the id of a workspace');
    const shard = await Shard.open(0, join(pod.dataDir, 'shard-0'), 1 << 20);
    const broken = { kind: 'automerge', epoch: 1, time: 0, data: Uint8Array.from([1, 2, 3]), ops: [] };
    await shard.append([{ kind: 'record', workspace, position: 2, envelope: encodeEnvelope(broken) }]);
    await shard.close();
    await pod.restart();
    await expectQuarantined(pod, document);
    await expectServes(pod);
    await expectDeletable([pod], document);
  });

  test('while clients are there can be deleted, by an admin alone', async () => {
    pod = await Pod.start({ env: { ...env, PORT: await freePort() } });
    const document = newId();
    const client = await RawClient.joined(pod);
    sendBase(client, document);
    await hasBase(pod, document);
    const json = await pod.connect(document);
    client.sync(document, bringing([poison()], []));
    await json.closed();
    const claims = { scopes: ['write'] };
    expect(await pod.request('DELETE', `/v1/workspaces/${document}`, { claims })).toMatchObject({ status: 403 });
    await expectDeletable([pod], document);
    client.close();
  });

  test('on all pods that have it open', async () => {
    cluster = await Cluster.start({ pods: 2, env });
    const document = newId();
    const client = await RawClient.joined(cluster.pod(0));
    sendBase(client, document);
    const json = await cluster.pod(1).connect(document);
    await hasBase(cluster.pod(1), document);
    client.sync(document, bringing([poison()], []));
    expect(await json.closed()).toBe(1012);
    for (const one of cluster.pods) {
      await until(async () => (await one.request('GET', `/v1/workspaces/${document}`)).status === 503);
      await expectQuarantined(one, document);
      await expectServes(one);
    }
    await expectDeletable(cluster.pods, document);
    client.close();
  });

  test('and deleted on a pod that was away meanwhile', async () => {
    cluster = await Cluster.start({ pods: 2, env });
    const document = newId();
    const [here, away] = [cluster.pod(0), cluster.pod(1)];
    const client = await RawClient.joined(here);
    sendBase(client, document);
    const json = await away.connect(document);
    await hasBase(away, document);
    client.sync(document, bringing([poison()], []));
    await json.closed();
    await away.end('SIGKILL');
    expect(await here.request('DELETE', `/v1/workspaces/${document}`)).toMatchObject({ status: 200 });
    await away.restart();
    await away.ready();
    expect((await away.read(document)).data).toEqual({});
    expect(await away.metric(GAUGE)).toBe(0);
    await (await away.connect(document)).set('k', 1);
    expect((await cluster.agreed(document)).data).toEqual({ k: 1 });
    client.close();
  });
});
