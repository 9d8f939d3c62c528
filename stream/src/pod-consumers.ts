// With the retention `interest` each pod has a durable consumer, for which the stream keeps what that pod does not have yet.

const PREFIX = 'pod-';

/** Where in the metadata of its consumer it stands, as `true`, that a pod has everything. */
export const COMPLETE_KEY = 'etherply-complete';

/** Where in the metadata of its consumer a pod names the last loss that it has found: the stream lacked what it had. */
export const LOSS_KEY = 'etherply-loss';

/** The name of the consumer of a pod. */
export function podConsumerOf(podId: string): string {
  return PREFIX + podId;
}

/** Whether a consumer is that of a pod. */
export function isPodConsumer(name: string): boolean {
  return name.startsWith(PREFIX);
}
