import { no, type Situation, type Verdict, yes } from './situation.ts';

/** Whether the JetStream stream is as the spec says. */
export function streamReady({ facts }: Situation): Verdict {
  const { stream, nats, cluster } = facts;
  switch (stream.state) {
    case 'ready':
      return yes('AsSpecified', 'the stream is as the spec says');
    case 'unknown':
      return { status: 'Unknown', reason: 'NotLookedAt', message: 'it has not been looked at yet' };
    case 'refused':
      return no('StreamRefused', stream.message);
    case 'unreachable':
      // While servers of our own start, nobody has to do anything.
      if (cluster.spec.nats.managed !== undefined && (nats?.readyReplicas ?? 0) < (nats?.replicas ?? 1)) {
        return no('NotReady', 'the NATS servers start');
      }
      return no('NatsUnreachable', stream.message);
  }
}
