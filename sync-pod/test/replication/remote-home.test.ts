import { workspaceId } from '@etherply/protocol';
import { expect, test } from '@jest/globals';
import { connect } from '@nats-io/transport-node';
import { NatsClient } from '../../src/replication/nats-client.ts';
import { StreamUnavailableError } from '../../src/replication/stream.ts';
import { RemoteHome } from '../../src/workspace/home/remote-home.ts';
import { freePort } from '../pod.ts';

test('until NATS is reached for the first time the home region is away, and no message is too large for it', async () => {
  const servers = `127.0.0.1:${await freePort()}`;
  const nats = new NatsClient(() => connect({ servers }));
  try {
    const home = new RemoteHome(nats, 'east.home');
    const op = { key: 'count', value: 1, json: '1', timestamp: undefined };
    const message = { author: { userId: 'alice', scopes: new Set(['write']), claims: {} }, id: undefined, ops: [op] };
    await expect(home.submit(workspaceId.parse('ordered'), [message])).rejects.toThrow(StreamUnavailableError);
  } finally {
    await nats.close();
  }
});
