import { randomUUID } from 'node:crypto';
import { type StrategyName, type WorkspaceId, workspaceId } from '@etherply/protocol';
import { JetStream } from '../../src/replication/jetstream.ts';
import { NatsClient } from '../../src/replication/nats-client.ts';
import { natsConnector } from '../../src/replication/nats-connection.ts';
import { PodConsumer } from '../../src/replication/pod-consumer.ts';
import type { StreamMessage } from '../../src/replication/stream.ts';
import type { LinkOptions } from '../../src/replication/stream-link.ts';
import { messageId } from '../../src/workspace/replica/message-id.ts';
import { encodeEnvelope } from '../../src/workspace/state/envelope.ts';
import { until } from '../pod.ts';

const NO_CREDENTIALS = {
  user: undefined,
  password: undefined,
  token: undefined,
  nkeyFile: undefined,
  credsFile: undefined,
  tlsCa: undefined,
  tlsCert: undefined,
  tlsKey: undefined,
};
const DEFAULTS: LinkOptions = {
  cluster: 'etherply',
  replicas: 1,
  retention: 'limits',
  maxAgeSeconds: Number.POSITIVE_INFINITY,
  maxBytes: Number.POSITIVE_INFINITY,
  duplicateSeconds: 120,
  regions: [],
  isManaged: true,
};

/** A `JetStream` with a connection of its own, without a pod around it. */
export class TestStream {
  readonly nats: NatsClient;
  readonly stream: JetStream;
  /** With the retention `interest`. */
  readonly consumer: PodConsumer | undefined;
  /** What its observer was told, in order. */
  readonly told: ('connected' | 'disconnected')[] = [];

  private constructor(nats: NatsClient, options: LinkOptions) {
    this.nats = nats;
    const { cluster, retention, maxAgeSeconds } = options;
    const observer = {
      connected: () => this.told.push('connected'),
      disconnected: () => this.told.push('disconnected'),
    };
    this.consumer =
      retention === 'interest' ? new PodConsumer({ cluster, podId: randomUUID(), maxAgeSeconds }) : undefined;
    this.stream = new JetStream(nats, options, observer, this.consumer);
  }

  /** Begins to connect. */
  static async begin(url: string, options: Partial<LinkOptions> = {}): Promise<TestStream> {
    const nats = new NatsClient(await natsConnector({ urls: [url], name: 'test', ...NO_CREDENTIALS }));
    return new TestStream(nats, { ...DEFAULTS, ...options });
  }

  /** Resolves when it can be used. */
  static async open(url: string, options: Partial<LinkOptions> = {}): Promise<TestStream> {
    const opened = await TestStream.begin(url, options);
    await opened.connected();
    return opened;
  }

  connected(): Promise<void> {
    return until(async () => this.stream.isConnected);
  }

  /** All messages of a workspace from one origin, with a number from `first` on. */
  async read(workspace: WorkspaceId, first = 1, origin = 'etherply'): Promise<StreamMessage[]> {
    const messages: StreamMessage[] = [];
    for await (const message of this.stream.read(workspace, origin, first)) messages.push(message);
    return messages;
  }

  /** Publishes a message as a pod does. */
  async publish(id: WorkspaceId, bytes: Uint8Array): Promise<void> {
    await this.stream.publish(id, { id: messageId(id, bytes), bytes });
  }

  async close(): Promise<void> {
    this.stream.close();
    await this.nats.close();
  }
}

/** The id of a workspace. */
export function workspace(id: string): WorkspaceId {
  return workspaceId.parse(id);
}

/** So many bytes; two with different seeds differ. */
export function bytesOf(length: number, seed = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 31 + seed) % 251);
}

/** The message of a record whose sender nothing is known of but the user. */
export function recordOf(kind: StrategyName, data: Uint8Array): Uint8Array {
  const ops = [{ user: 'bob', id: null, fingerprint: 0, timestamp: null }];
  return encodeEnvelope({ kind, epoch: 1, time: Date.now(), data, ops });
}
